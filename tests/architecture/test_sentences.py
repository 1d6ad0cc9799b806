"""What the server writes to people comes from the catalogues of `person`. Modules have no sentences for people."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.architecture.layout import ROOT

# Every module of these packages may write to the person. All others write only to models, operators and developers.
PACKAGES = (
    "agents/binding",
    "memory/recall",
    "parser",
    "person",
    "server/answers",
    "server/memory_service",
    "streaming/answer",
    "streaming/wire",
)
MODULES = ("agents/block_items.py",)
# Sentences for models and developers. None: all of the module's.
FOR_MODELS_AND_DEVELOPERS: dict[str, set[str] | None] = {
    "memory/recall/recalled.py": {
        "The answer was cut off, so it is incomplete.",
        "The person has stated something else since.",
    },
    "server/memory_service/description.py": None,
    # `message` of errors. Their `text` is in the catalogues.
    "server/answers/admission.py": None,
    "server/answers/outcome.py": None,
    "server/answers/popup_scope.py": None,
    # Refusals of invalid frames, and the descriptions in the schema.
    "streaming/wire/inbound.py": None,
    "streaming/wire/schema.py": None,
}
# Calls whose arguments are for models (`Unbound`), developers (errors and their `message`) or operators (logs).
FOR_OTHERS = re.compile(
    r"Field|.*Error|.*Exceeded|.*Refused|.*Failed|.*Fault|.*Unavailable|Unbound|Unbindable|WsFailure"
    r"|WsError|[Rr]efus\w*|Rejected\w*|not_a_value|debug|info|warning|exception|error|_?fail\w*|assert_never"
)
SENTENCE = re.compile(r"\w \w.*[.!?:]\s*$", re.DOTALL)


def written_modules() -> list[str]:
    found = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    return sorted([*(str(path.relative_to(ROOT)) for path in found), *MODULES])


def sentences(source: str) -> list[str]:
    """The sentences among the strings of a module, except docstrings and those for others than the person."""
    found: list[str] = []

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.Call) and FOR_OTHERS.fullmatch(
            getattr(node.func, "id", getattr(node.func, "attr", ""))
        ):
            return
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return
        if isinstance(node, ast.JoinedStr):
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else "x" for part in node.values)
            found.extend([text] if SENTENCE.search(text) else [])
            return
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SENTENCE.search(node.value):
            found.append(node.value)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(source))
    return found


@pytest.mark.parametrize("path", written_modules())
def test_no_sentence_for_people_is_outside_the_catalogues(path: str) -> None:
    allowed = FOR_MODELS_AND_DEVELOPERS.get(path, set())
    assert allowed is None or set(sentences(Path(ROOT / path).read_text("utf-8"))) <= allowed


def test_a_sentence_is_noticed() -> None:
    source = '"""A module."""\nx = f"{n} parts could not be shown."\ny = "two words"\nUnbound("a", "Not so.")'
    assert sentences(source) == ["x parts could not be shown."]
    assert sentences('note = say("Nothing was forgotten.")') == ["Nothing was forgotten."]
    assert sentences('log.warning("x", reason="It was too late.")\nraise ToolError("a", "It was not so.")') == []
