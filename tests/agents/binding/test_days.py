"""Value-bound blocks in the person's calendar: days, instants, weeks and filters."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from agents.binding import Binder, device_lists
from agents.tool_results import ToolResults
from parser.blocks import BoundChartBlock, BoundTableBlock, BoundTimelineBlock
from person import Calendar

NEW_YORK = Calendar(ZoneInfo("America/New_York"), week_start=6)
# A day, and instants of the same day in New York: the last one is on the next day in UTC.
MORNING, EVENING = 1_773_064_800_000, 1_773_106_200_000  # 10:00 and 21:30 on March 9
TASKS: list[dict[str, Any]] = [
    {"id": "day", "title": "Day", "status": "todo", "dueDate": "2026-03-09"},
    {"id": "morning", "title": "Morning", "status": "todo", "dueDate": MORNING},
    {"id": "evening", "title": "Evening", "status": "todo", "dueDate": "2026-03-10T01:30:00Z"},
    {"id": "next", "title": "Next", "status": "todo", "dueDate": "2026-03-10"},
    {"id": "never", "title": "Never", "status": "todo"},
]


def binder(calendar: Calendar = NEW_YORK) -> Binder:
    results = ToolResults()
    results.add("task", TASKS)
    return Binder(results, lambda: calendar)


def chart(interval: str, calendar: Calendar = NEW_YORK) -> dict[str, int]:
    source = {"entity": "task", "groupBy": "dueDate", "interval": interval}
    block = {"type": "chart", "chartType": "bar", "title": "T", "from": source}
    found = binder(calendar).bind(BoundChartBlock.model_validate(block))
    assert isinstance(found, dict)
    return {point["dueDate"]: point["count"] for point in found["data"]}


def ids(calendar: Calendar = NEW_YORK, **source: Any) -> list[str]:
    block = BoundTableBlock.model_validate({"type": "table", "from": {"entity": "task", "columns": ["id"], **source}})
    found = binder(calendar).bind(block)
    return [row[0] for row in found["rows"]] if isinstance(found, dict) else []


def test_a_chart_counts_by_the_persons_day_week_and_month() -> None:
    assert chart("day") == {"2026-03-09": 3, "2026-03-10": 1, "No due date": 1}
    assert chart("day", Calendar(ZoneInfo("UTC"))) == {"2026-03-09": 2, "2026-03-10": 2, "No due date": 1}
    assert chart("week") == {"2026-03-08/2026-03-14": 4, "No due date": 1}
    assert chart("week", Calendar(ZoneInfo("UTC"))) == {"2026-W11": 4, "No due date": 1}
    assert chart("month") == {"2026-03": 4, "No due date": 1}


def test_a_table_shows_days_as_they_are_and_instants_in_local_time() -> None:
    source = {"entity": "task", "columns": ["dueDate"], "sort": "dueDate"}
    found = binder().bind(BoundTableBlock.model_validate({"type": "table", "from": source}))
    assert isinstance(found, dict)
    assert [row[0] for row in found["rows"]] == [
        "2026-03-09",
        "2026-03-09T10:00-04:00",
        "2026-03-09T21:30-04:00",
        "2026-03-10",
        None,
    ]


def test_a_timeline_keeps_days() -> None:
    found = binder().bind(BoundTimelineBlock.model_validate({"type": "timeline", "from": {"entity": "task"}}))
    assert isinstance(found, dict)
    assert [point["date"] for point in found["checkpoints"]] == ["2026-03-09", MORNING, EVENING, "2026-03-10"]


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("2026-03-09", ["day", "morning", "evening"]),
        (["2026-03-10", None], ["next", "never"]),
        (EVENING, ["evening"]),
        ("2026-03-09T21:30", ["evening"]),
        ({"not": "2026-03-09"}, ["next", "never"]),
        ({"after": "2026-03-10"}, ["next"]),
        ({"before": "2026-03-10"}, ["day", "morning", "evening"]),
        ({"after": "2026-03-09", "before": "2026-03-10"}, ["day", "morning", "evening"]),
        ({"before": "2026-03-09T12:00"}, ["morning"]),  # the day is not over at noon
        ({"after": "2026-03-09T12:00"}, ["day", "evening", "next"]),
        ({"before": "2026-03-10T00:00"}, ["day", "morning", "evening"]),
    ],
)
def test_filters_compare_days_and_instants(condition: Any, found: list[str]) -> None:
    assert ids(filter={"dueDate": condition}) == found


def test_a_range_is_asked_of_the_device_in_days_and_instants_and_without_the_limit() -> None:
    conditions = {"after": "2026-03-09", "before": "2026-03-09T21:30"}
    block = BoundTableBlock.model_validate(
        {"type": "table", "from": {"entity": "task", "filter": {"dueDate": conditions}, "limit": 3}}
    )
    pushed = {"dueDate": {"after": "2026-03-09", "before": EVENING}}
    assert device_lists(block, NEW_YORK) == [{"limit": 500, "filter": pushed}]
