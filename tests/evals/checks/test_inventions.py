"""Invented values, and values that only look invented."""

from __future__ import annotations

from typing import Any

import pytest

from evals.checks import invented_values
from evals.observed import ShownTurn, Trial
from evals.scenario import Scenario

SCENARIO = Scenario.model_validate({"about": "x", "tags": ["x"], "turns": [{"say": "What is due in 17 days?"}]})


def invented(text: str = "", *blocks: tuple[str, dict[str, Any]]) -> list[str]:
    items = SCENARIO.items()
    turn = ShownTurn("x", "completed", text, [{"type": kind, "data": data} for kind, data in blocks])
    return invented_values(SCENARIO, Trial(SCENARIO.id, 1, items, items, [turn]))


@pytest.mark.parametrize(
    "text",
    [
        "You have 8 tasks, 7 of them open.",
        "Four are high, 2 are medium.",
        "The demo is on 2026-12-01, and the invoice is 2 days late.",
        "Design approved: 2 December 2026.",
        "1. Pay the rent\n2. Fix the login bug\n9. Order paper samples",
        "In 17 days nothing is due.",
        "You are at 12.5 % of your tasks.",
        "Next Friday is 2026-12-04.",
        "You have 6 tasks with a day until then, and 5 from today on.",
    ],
)
def test_grounded_text(text: str) -> None:
    assert invented(text) == []


@pytest.mark.parametrize(
    "text", ["You have 137 tasks.", "It is due on 2027-05-01.", "It cost 4,250 euros.", "It is 93 % done."]
)
def test_invented_text(text: str) -> None:
    assert invented(text)


def test_charts() -> None:
    def chart(value: float) -> tuple[str, dict[str, Any]]:
        return "chart", {"data": [{"label": "High", "count": value}], "config": {"count": {"label": "Tasks"}}}

    assert invented("", chart(4)) == []
    assert invented("", chart(61)) == ["the number 61 in the chart comes from no item"]


def test_tables() -> None:
    def table(*cells: Any) -> tuple[str, dict[str, Any]]:
        return "table", {"headers": ["a", "b"], "rows": [list(cells)]}

    assert invented("", table("Pay the rent", "2026-11-27")) == []
    assert invented("", table("In progress", 2)) == []
    assert invented("", table("No assignee", 1)) == []
    assert invented("", table("Send the report", "ASAP"))


def test_timelines() -> None:
    def timeline(identity: str, title: str) -> tuple[str, dict[str, Any]]:
        return "timeline", {"checkpoints": [{"id": identity, "title": title, "date": "2026-12-02"}]}

    assert invented("", timeline("check-design", "Design approved")) == []
    assert invented("", timeline("check-design", "Launch party"))
    assert invented("", timeline("c1", "Design approved"))
