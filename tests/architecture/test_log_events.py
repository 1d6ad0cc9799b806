"""docs/operations.md describes every log event of the code, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.architecture.layout import ROOT, python_files

_LEVELS = {"debug", "info", "warning", "error", "exception"}
_EVENT = re.compile(r"[a-z]+(_[a-z]+)*")
# Packages that log events with `structlog`. `memory` and `sql` log sentences, which need no description.
_PACKAGES = ("agents", "server", "streaming")


def _is_log(node: ast.expr) -> bool:
    """Whether the expression is `log.info`, or another level of it."""
    if not (isinstance(node, ast.Attribute) and node.attr in _LEVELS):
        return False
    return isinstance(node.value, ast.Name) and node.value.id == "log"


def events(source: str) -> Iterator[str]:
    """The events that are logged. A part that is only known at run time is `*`."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        if _is_log(node.func):
            event = node.args[0]
        elif len(node.args) > 1 and _is_log(node.args[0]):  # `LogRate.log(log.info, event, ...)`
            event = node.args[1]
        else:
            continue
        if isinstance(event, ast.Constant):
            yield str(event.value)
        else:
            assert isinstance(event, ast.JoinedStr), ast.unparse(node)
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in event.values)


def described() -> set[str]:
    """The events in the table of docs/operations.md."""
    section = (ROOT / "docs" / "operations.md").read_text("utf-8").split("\n## Logs\n")[1].split("\n### ")[0]
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return {event for cell in cells for event in re.findall(r"`([^`]+)`", cell)}


def test_every_log_event_is_described_and_every_described_event_exists() -> None:
    logged = {event for path in python_files(*_PACKAGES) for event in events(path.read_text("utf-8"))}
    patterns = [re.compile(event.replace("*", "[a-z_]+")) for event in logged]
    table = described()
    missing = [pattern.pattern for pattern in patterns if not any(pattern.fullmatch(event) for event in table)]
    assert not missing, f"not in the table of docs/operations.md: {missing}"
    stale = [event for event in table if not any(pattern.fullmatch(event) for pattern in patterns)]
    assert not stale, f"no code logs what docs/operations.md describes: {stale}"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('log.info("a_b", c=1)', ["a_b"]),
        ('log.warning(f"a_{b}_c")', ["a_*_c"]),
        ('other.info("a_b")', []),
        ('self._rate.log(log.info, "a_b", "cause", c=1)', ["a_b"]),
        ('log.bind("a_b")', []),
    ],
)
def test_events_are_found(source: str, found: list[str]) -> None:
    assert list(events(source)) == found
    assert all(_EVENT.fullmatch(event.replace("*", "x")) for event in found)
