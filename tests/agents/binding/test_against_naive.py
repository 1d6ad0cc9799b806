"""For any items, the numbers of value-bound blocks equal those of a naive computation."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import isclose
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from agents.binding import Binder
from agents.tool_results import ToolResults
from parser import BlockParser, BlockReady
from parser.blocks import ChartBlock, TableBlock, TimelineBlock

_MODELS: dict[str, TypeAdapter[Any]] = {
    "chart": TypeAdapter(ChartBlock),
    "table": TypeAdapter(TableBlock),
    "timeline": TypeAdapter(TimelineBlock),
}
NOON = 1_773_057_600_000  # 2026-03-09T12:00Z, a Monday
HOUR = 3_600_000

moments = st.integers(-60 * 24, 60 * 24).map(lambda hours: NOON + hours * HOUR)
written = moments.map(lambda ms: datetime.fromtimestamp(ms / 1000, UTC).isoformat())
tasks = st.lists(
    st.fixed_dictionaries(
        {"title": st.sampled_from(["Send", "call", "Plan"])},
        optional={
            "status": st.sampled_from(["todo", "in_progress", "done", None]),
            "priority": st.sampled_from(["low", "high", ""]),
            "dueDate": st.one_of(moments, written, st.none()),
            "estimate": st.one_of(st.integers(-1000, 1000), st.floats(-1e6, 1e6), st.none()),
            "projectId": st.sampled_from(["p1", "p2"]),
        },
    ),
    min_size=1,
    max_size=25,
).map(lambda items: [item | {"id": f"t{number}"} for number, item in enumerate(items)])


def bind(items: list[dict[str, Any]], block: dict[str, Any]) -> Any:
    """Parse and bind the block; the result must also satisfy the client's rules."""
    results = ToolResults()
    results.add("task", items)
    results.add("project", [{"id": "p1", "name": "Orion"}])
    parser = BlockParser()
    (ready,) = [event for event in parser.feed(json.dumps(block)) if isinstance(event, BlockReady)]
    found = Binder(results).bind(ready.block)  # type: ignore[arg-type]  # the test's blocks are all value-bound
    if isinstance(found, dict):
        _MODELS[block["type"]].validate_python(found | {"type": block["type"]})
    return found


def chart(**source: Any) -> dict[str, Any]:
    return {"type": "chart", "chartType": "bar", "title": "t", "from": {"entity": "task", **source}}


def when(value: Any) -> datetime | None:
    if value is None:
        return None
    return datetime.fromisoformat(value) if isinstance(value, str) else datetime.fromtimestamp(value / 1000, UTC)


@given(tasks)
def test_counts_by_status(items: list[dict[str, Any]]) -> None:
    found = bind(items, chart(groupBy="status"))
    names = {"To do": "todo", "In progress": "in_progress", "Done": "done", "No status": None}
    counted = {names[point["status"]]: point["count"] for point in found["data"]}
    assert counted == {
        status: number
        for status in ("todo", "in_progress", "done", None)
        if (number := sum(item.get("status") == status for item in items))
    }
    assert sum(counted.values()) == len(items)


@given(tasks, st.sampled_from(["day", "week", "month"]))
def test_counts_by_date(items: list[dict[str, Any]], interval: str) -> None:
    found = bind(items, chart(groupBy="dueDate", interval=interval))

    def name(moment: datetime | None) -> str:
        if moment is None:
            return "No due date"
        if interval == "week":
            return (moment - timedelta(days=moment.weekday())).strftime("%G-W%V")
        return moment.strftime({"day": "%Y-%m-%d", "month": "%Y-%m"}[interval])

    labels = [name(when(item.get("dueDate"))) for item in items]
    expected = {label: labels.count(label) for label in sorted(set(labels))}
    assert {point["dueDate"]: point["count"] for point in found["data"]} == expected
    assert [point["dueDate"] for point in found["data"]] == list(expected), "dates come in order, none at the end"


@given(tasks, st.sampled_from(["sum", "avg", "min", "max", "count"]))
def test_aggregates_of_a_field(items: list[dict[str, Any]], agg: str) -> None:
    found = bind(items, chart(groupBy="priority", agg=agg, field="estimate"))
    groups: dict[str, list[Any]] = {}
    for item in items:
        label = {"low": "Low", "high": "High"}.get(item.get("priority") or "", "No priority")
        groups.setdefault(label, [])
        if item.get("estimate") is not None:
            groups[label].append(item["estimate"])

    def naive(numbers: list[Any]) -> float | None:
        exact = [Fraction(number) for number in numbers]
        match agg:
            case "count":
                return len(exact)
            case "sum":
                return float(sum(exact))
            case "avg":
                return float(sum(exact) / len(exact)) if exact else None
            case _:
                return float((min if agg == "min" else max)(exact)) if exact else None

    expected = {label: value for label, numbers in groups.items() if (value := naive(numbers)) is not None}
    if not any("estimate" in item for item in items):
        assert found.reason == "unknown_field"
        return
    if not expected:
        assert found.reason == "no_data"
        return
    assert found["config"].keys() == {agg}
    got = {point["priority"]: point[agg] for point in found["data"]}
    assert got.keys() == expected.keys()
    assert all(isclose(got[label], expected[label], rel_tol=1e-9, abs_tol=1e-6) for label in expected)


@given(tasks)
def test_series_add_up_to_the_groups(items: list[dict[str, Any]]) -> None:
    whole = bind(items, chart(groupBy="projectId"))
    split = bind(items, chart(groupBy="projectId", splitBy="status"))
    assert [point["project"] for point in split["data"]] == [point["project"] for point in whole["data"]]
    for one, all_ in zip(split["data"], whole["data"], strict=True):
        assert sum(one[key] for key in split["config"]) == all_["count"]
    assert [entry["label"] for entry in split["config"].values()] == [
        label
        for label, status in (("To do", "todo"), ("In progress", "in_progress"), ("Done", "done"), ("No status", None))
        if any(item.get("status") == status for item in items)
    ]


@given(tasks, st.booleans(), st.one_of(st.none(), st.integers(1, 5)))
def test_tables_select_sort_and_limit(items: list[dict[str, Any]], backwards: bool, limit: int | None) -> None:
    source = {"entity": "task", "columns": ["id", "dueDate"], "sort": "dueDate", "limit": limit}
    source["order"] = "desc" if backwards else "asc"
    found = bind(items, {"type": "table", "from": source})
    dated = sorted((item for item in items if when(item.get("dueDate"))), key=lambda item: when(item["dueDate"]))  # type: ignore[arg-type,return-value]  # those without a date were left out
    order = [*dated, *(item for item in items if item.get("dueDate") is None)]
    got = [next(item for item in items if item["id"] == row[0]) for row in found["rows"]]
    if backwards:
        assert [when(item.get("dueDate")) for item in got] == [
            *(when(item["dueDate"]) for item in reversed(dated)),
            *[None] * (len(items) - len(dated)),
        ][:limit]
    else:
        assert [item["id"] for item in got] == [item["id"] for item in order][:limit]


@given(tasks, st.sampled_from(["todo", "done"]), moments)
def test_filters(items: list[dict[str, Any]], status: str, moment: int) -> None:
    source = {"filter": {"status": {"not": status}, "dueDate": {"before": moment}}}
    found = bind(items, chart(**source))
    limit = datetime.fromtimestamp(moment / 1000, UTC)
    expected = sum(
        item.get("status") != status and (due := when(item.get("dueDate"))) is not None and due < limit
        for item in items
    )
    if expected:
        assert found["data"] == [{"task": "Tasks", "count": expected}]
    else:
        assert found.reason == "no_data"


@given(tasks)
def test_timelines(items: list[dict[str, Any]]) -> None:
    found = bind(items, {"type": "timeline", "from": {"entity": "task"}})
    dated = [moment for item in items if (moment := when(item.get("dueDate"))) is not None]
    if dated:
        assert [point["date"] for point in found["checkpoints"]] == sorted(int(one.timestamp() * 1000) for one in dated)
    else:
        assert found.reason == "no_data"


ANY = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.sampled_from(["", "a", "2026-03-09", "0001-01-01T00:00+14:00"]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.fixed_dictionaries({"a": inner})),
    max_leaves=3,
)
NAMES = ["status", "dueDate", "title", "estimate", "projectId", "nonsense"]


@given(
    st.lists(st.dictionaries(st.sampled_from(NAMES), ANY), min_size=1, max_size=6),
    st.sampled_from(NAMES),
    st.sampled_from(NAMES),
    st.sampled_from(["count", "sum", "avg", "min", "max"]),
    st.sampled_from(["bar", "pie"]),
)
def test_whatever_a_device_holds_gives_a_valid_block_or_a_reason(
    items: list[dict[str, Any]], group: str, field: str, agg: str, kind: str
) -> None:
    items = [item | {"id": number} for number, item in enumerate(items)]
    blocks: list[dict[str, Any]] = [
        chart(groupBy=group, agg=agg, field=field, sort="value") | {"chartType": kind},
        chart(groupBy=group, splitBy=field),
        chart(groupBy="dueDate", interval="month"),
        {"type": "table", "from": {"entity": "task", "columns": [group, field], "sort": field}},
        {"type": "table", "from": {"entity": "task", "groupBy": group, "filter": {field: {"not": None}}}},
        {"type": "timeline", "from": {"entity": "task", "filter": {group: [None, 1, "a"]}}},
    ]
    for block in blocks:
        found = bind(items, block)
        assert isinstance(found, dict) or (found.reason and found.detail)
