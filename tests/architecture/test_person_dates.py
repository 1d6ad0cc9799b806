"""Dates that people see come from `person`: no other module asks for today, or computes a day in another zone."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.architecture.layout import ARROWS, ROOT, python_files

CLOCK_CALLS = {"now", "utcnow", "today", "fromtimestamp", "utcfromtimestamp", "fromordinal"}
ZONES = {"UTC", "timezone", "ZoneInfo"}

INSTANTS: Mapping[str, str] = {
    "memory/recall/recall.py": "the time of a message, to which habits are compared",
    "memory/rights/account.py": "the time of the deletion of an account",
    "memory/rights/erase.py": "the time of an erasure",
    "memory/rights/forget.py": "the time of a tombstone",
    "memory/segments/segment.py": "the times of memories, as numbers",
    "memory/tiers/associative.py": "the time at which a memory was stored",
    "memory/tiers/core.py": "the time at which a preference was set",
    "memory/tiers/episodic.py": "the time of an episode",
    "memory/tiers/titles.py": "the time at which a title was stored",
    "memory/tiers/tombstones.py": "a tombstone that lasts for good",
    "server/answers/answer.py": "the time of an episode",
    "server/memory_service/entity_changes.py": "the order of changes",
    "server/memory_service/obedience.py": "the age of an offer to erase memory",
    "server/models/budget.py": "the day of a token budget, which is a UTC day for every user",
    "sql/driver/instants.py": "the range of times in the database",
    "streaming/model/recorder.py": "the name of a file for operators",
}
"""The modules outside `person` that handle times which no person sees as a day, with the meaning of the times."""


def uses(tree: ast.AST) -> set[str]:
    """The calls that ask for a time or a day, and the zones, that a module names."""
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="datetime" | "date" as owner), attr=name) if name in CLOCK_CALLS:
                found.add(f"{owner}.{name}")
            case ast.ImportFrom(module="datetime" | "zoneinfo", names=names):
                found.update(one.name for one in names if one.name in ZONES)
    return found


def test_only_person_computes_days() -> None:
    users = {
        str(path.relative_to(ROOT)): found
        for path in python_files(*ARROWS)
        if path.relative_to(ROOT).parts[0] != "person" and (found := uses(ast.parse(path.read_text("utf-8"))))
    }
    assert {path: found for path, found in users.items() if path not in INSTANTS} == {}
    assert INSTANTS.keys() <= users.keys(), "the list names a module that needs no exception any more"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("datetime.now(UTC)", {"datetime.now"}),
        ("date.today()", {"date.today"}),
        ("today = datetime.utcnow", {"datetime.utcnow"}),
        ("datetime.fromtimestamp(5)", {"datetime.fromtimestamp"}),
        ("from datetime import UTC, date", {"UTC"}),
        ("from datetime import timezone", {"timezone"}),
        ("from zoneinfo import ZoneInfo", {"ZoneInfo"}),
        ("date.fromisoformat('2026-03-09')", set()),
        ("from datetime import date, timedelta", set()),
    ],
)
def test_the_check_sees_what_it_looks_for(text: str, found: set[str]) -> None:
    assert uses(ast.parse(text)) == found


def test_the_listed_modules_exist() -> None:
    assert all((Path(ROOT) / path).is_file() for path in INSTANTS)
