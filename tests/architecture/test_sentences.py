"""Modules that write to people take every sentence from the catalogues of `person`."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.architecture.layout import ROOT

# They write the text of an answer that no model writes.
WRITERS = (
    "agents/block_items.py",
    "parser/degradation.py",
    "server/answers/answer.py",
    "server/answers/repairs.py",
    "streaming/answer/home.py",
    "streaming/answer/popup.py",
    "streaming/wire/error_text.py",
)
# Sentences for the model and for developers, and descriptions of fields.
FOR_OTHERS = {"Field", "ToolError", "Unbound", "WsFailure", "ValueError"}
SENTENCE = re.compile(r"\w \w.*[.!?:]\s*$")


def sentences(source: str) -> list[str]:
    """The sentences among the strings of a module, except docstrings and those for others than the person."""
    found: list[str] = []

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in FOR_OTHERS:
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


@pytest.mark.parametrize("path", WRITERS)
def test_no_sentence_for_people_is_outside_the_catalogues(path: str) -> None:
    assert sentences(Path(ROOT / path).read_text("utf-8")) == []


def test_a_sentence_is_noticed() -> None:
    source = '"""A module."""\nx = f"{n} parts could not be shown."\ny = "two words"\nUnbound("a", "Not so.")'
    assert sentences(source) == ["x parts could not be shown."]
