"""The data of value-bound blocks, and every reason why a block cannot be computed."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from agents.binding import Binder
from agents.tool_results import ToolResults
from parser.blocks import BindReason, BoundChartBlock, BoundTableBlock, BoundTimelineBlock
from person import Sentences
from streaming.answer import Unbound

MARCH_9 = 1_773_014_400_000
TASKS: list[dict[str, Any]] = [
    {"id": "t1", "title": "Offer", "status": "done", "priority": "low", "projectId": "p1", "dueDate": MARCH_9},
    {"id": "t2", "title": "Call", "status": "todo", "priority": "high", "projectId": "p2", "hours": 2.5},
    {
        "id": "t3",
        "title": "Plan",
        "status": "in_progress",
        "hours": 1,
        "dueDate": "2026-03-10T14:30:00Z",
        "tags": ["a"],
    },
]
CHECKPOINTS: list[dict[str, Any]] = [
    {"id": "c2", "title": "Launch", "date": MARCH_9 + 86_400_000, "isApproved": False, "secret": 1},
    {"id": "c1", "title": "Beta", "date": "2026-03-09", "projectId": "p1", "isApproved": True},
]


def binder() -> Binder:
    results = ToolResults()
    results.add("task", TASKS)
    results.add("checkpoint", CHECKPOINTS)
    results.add("project", [{"id": "p1", "name": "Orion"}])
    return Binder(results)


def chart(kind: str = "bar", entity: str = "task", **source: Any) -> Any:
    block = {"type": "chart", "chartType": kind, "title": "T", "from": {"entity": entity, **source}}
    return binder().bind(BoundChartBlock.model_validate(block))


def table(entity: str = "task", **source: Any) -> Any:
    return binder().bind(BoundTableBlock.model_validate({"type": "table", "from": {"entity": entity, **source}}))


def timeline(**source: Any) -> Any:
    return binder().bind(BoundTimelineBlock.model_validate({"type": "timeline", "from": source}))


def test_a_chart() -> None:
    assert chart(groupBy="status", agg="count") == {
        "chartType": "bar",
        "title": "T",
        "data": [
            {"status": "To do", "count": 1},
            {"status": "In progress", "count": 1},
            {"status": "Done", "count": 1},
        ],
        "config": {"count": {"label": "Tasks", "color": "var(--chart-1)"}},
    }


def test_a_pie_colours_its_slices() -> None:
    data = chart("pie", groupBy="projectId")["data"]
    assert data == [
        {"project": "Orion", "count": 1, "fill": "var(--chart-1)"},
        {"project": "p2", "count": 1, "fill": "var(--chart-2)"},
        {"project": "No project", "count": 1, "fill": "var(--chart-3)"},
    ]


def test_a_series_for_each_value_of_a_field() -> None:
    found = chart(groupBy="projectId", splitBy="status")
    assert found["data"][0] == {"project": "Orion", "to_do": 0, "in_progress": 0, "done": 1}
    assert found["config"]["in_progress"] == {"label": "In progress", "color": "var(--chart-2)"}


@pytest.mark.parametrize(
    ("sort", "order", "labels"),
    [
        ("value", "desc", ["Call", "Plan"]),
        ("sum", "asc", ["Plan", "Call"]),
        ("hours", None, ["Plan", "Call"]),
        ("group", "desc", ["Plan", "Call"]),
        ("title", "asc", ["Call", "Plan"]),
    ],
)
def test_groups_are_sorted_by_value_or_by_group(sort: str, order: str | None, labels: list[str]) -> None:
    found = chart(
        groupBy="title", agg="sum", field="hours", filter={"hours": {"not": None}}, sort=sort, order=order, limit=2
    )
    assert [point["title"] for point in found["data"]] == labels
    assert found["config"] == {"sum": {"label": "Total hours", "color": "var(--chart-1)"}}


def test_a_table() -> None:
    assert table(columns=["title", "dueDate", "projectId", "status"], sort="dueDate") == {
        "headers": ["Task", "Due date", "Project", "Status"],
        "rows": [
            ["Offer", "2026-03-09T00:00Z", "Orion", "Done"],
            ["Plan", "2026-03-10T14:30Z", None, "In progress"],
            ["Call", None, "p2", "To do"],
        ],
    }


def test_a_table_sorts_priorities_by_rank_and_has_its_own_columns() -> None:
    found = table(sort="priority", order="desc", limit=2)
    assert found["headers"] == ["Task", "Status", "Priority", "Due date", "Project"]
    assert [row[0] for row in found["rows"]] == ["Call", "Offer"]


def test_a_table_sorts_projects_by_the_rank_of_their_status() -> None:
    results = ToolResults()
    statuses = ["completed", "active", "on_hold", "active"]
    results.add("project", [{"id": f"p{at}", "name": "P", "status": status} for at, status in enumerate(statuses)])
    source = {"entity": "project", "columns": ["id"], "sort": "status", "order": "desc"}
    found = Binder(results).bind(BoundTableBlock.model_validate({"type": "table", "from": source}))
    assert isinstance(found, dict)
    assert found["rows"] == [["p0"], ["p2"], ["p1"], ["p3"]]


def test_groups_are_by_value_and_not_by_label() -> None:
    results = ToolResults()
    results.add("project", [{"id": "p1", "name": "Web"}, {"id": "p2", "name": "Web"}, {"id": 3, "name": "Web (2)"}])
    projects: list[Any] = ["p1", "p2", "p1", 3, "3", None, "No project"]
    results.add("task", [{"id": f"t{at}", "title": "T", "projectId": one} for at, one in enumerate(projects)])
    bind = Binder(results).bind
    source: dict[str, Any] = {"entity": "task", "groupBy": "projectId"}
    found = bind(BoundTableBlock.model_validate({"type": "table", "from": source}))
    assert isinstance(found, dict)
    labels = ["Web", "Web (2)", "Web (2) (2)", "No project (2)", "No project"]
    assert found["rows"] == [[label, count] for label, count in zip(labels, [2, 1, 2, 1, 1], strict=True)]
    split = {"type": "chart", "chartType": "bar", "title": "T", "from": {"entity": "task", "splitBy": "projectId"}}
    found = bind(BoundChartBlock.model_validate(split))
    assert isinstance(found, dict)
    assert [entry["label"] for entry in found["config"].values()] == labels
    (point,) = found["data"]
    assert [point[key] for key in found["config"]] == [2, 1, 2, 1, 1]


def test_text_and_numbers_that_look_alike_are_different_groups() -> None:
    results = ToolResults()
    results.add("task", [{"id": at, "title": "T", "size": size} for at, size in enumerate([1, "1", True, 1.0])])
    source = {"entity": "task", "groupBy": "size"}
    found = Binder(results).bind(BoundTableBlock.model_validate({"type": "table", "from": source}))
    assert isinstance(found, dict)
    assert found["rows"] == [["1", 2], ["1 (2)", 1], ["Size", 1]]


@pytest.mark.parametrize("kind", ["pie", "radial"])
def test_a_series_called_fill_is_not_the_colour(kind: str) -> None:
    results = ToolResults()
    results.add("task", [{"id": "a", "title": "T", "assignee": "Fill"}, {"id": "b", "title": "U", "assignee": "Ada"}])
    source = {"entity": "task", "groupBy": "title", "splitBy": "assignee"}
    block = {"type": "chart", "chartType": kind, "title": "T", "from": source}
    found = Binder(results).bind(BoundChartBlock.model_validate(block))
    assert isinstance(found, dict)
    assert found["data"][0]["fill"] == "var(--chart-1)"
    assert found["config"]["fill_2"]["label"] == "Fill"
    assert [point["fill_2"] for point in found["data"]] == [1, 0]


@pytest.mark.parametrize("hours", [[10**308] * 20, [1e308] * 20, [10**308, 1e308] * 10])
@pytest.mark.parametrize("agg", ["sum", "avg"])
def test_a_sum_too_large_for_a_number_is_not_a_number(hours: list[float], agg: str) -> None:
    results = ToolResults()
    results.add("task", [{"id": at, "title": "T", "hours": one} for at, one in enumerate(hours)])
    source = {"entity": "task", "groupBy": "title", "agg": agg, "field": "hours"}
    found = Binder(results).bind(BoundTableBlock.model_validate({"type": "table", "from": source}))
    assert isinstance(found, Unbound)
    assert found.reason == "not_a_number"


def test_a_table_of_groups() -> None:
    assert table(groupBy="status", agg="max", field="hours") == {
        "headers": ["Status", "Most hours"],
        "rows": [["To do", 2.5], ["In progress", 1], ["Done", None]],
    }


def test_a_timeline() -> None:
    assert timeline(entity="checkpoint") == {
        "checkpoints": [
            {"id": "c1", "title": "Beta", "date": "2026-03-09", "projectId": "p1", "isApproved": True},
            {"id": "c2", "title": "Launch", "date": MARCH_9 + 86_400_000, "isApproved": False},
        ]
    }
    assert [point["id"] for point in timeline(entity="task", limit=1)["checkpoints"]] == ["t1"]


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        ({"status": "todo"}, ["t2"]),
        ({"status": ["todo", "done"]}, ["t1", "t2"]),
        ({"status": {"not": "done"}}, ["t2", "t3"]),
        ({"status": {"not": ["done", "todo"]}}, ["t3"]),
        ({"dueDate": None}, ["t2"]),
        ({"dueDate": {"not": None}}, ["t1", "t3"]),
        ({"dueDate": {"after": "2026-03-10"}}, ["t3"]),
        ({"dueDate": {"after": MARCH_9, "before": "2026-03-10"}}, ["t1"]),
        ({"dueDate": "2026-03-09"}, ["t1"]),
        ({"dueDate": "2026-03-10"}, ["t3"]),
        ({"dueDate": ["2026-03-10", MARCH_9]}, ["t1", "t3"]),
        ({"dueDate": {"not": "2026-03-10"}}, ["t1", "t2"]),
        ({"dueDate": "2026-03-10T16:30+02:00"}, ["t3"]),
        ({"dueDate": MARCH_9 + 86_400_000 + 52_200_000}, ["t3"]),
        ({"dueDate": MARCH_9 + 86_400_000}, []),
        ({"dueDate": "2026-03-09T00:00Z"}, ["t1"]),
        ({"dueDate": "2026-03-10T00:00Z"}, []),
        ({"hours": 1}, ["t3"]),
        ({"hours": True}, []),
        ({"projectId": ["p2", 7]}, ["t2"]),
        ({"projectId": "p1", "status": "todo"}, []),
    ],
)
def test_filters(wanted: dict[str, Any], ids: list[str]) -> None:
    found = table(columns=["id"], filter=wanted)
    assert ([row[0] for row in found["rows"]] if ids else found.reason) == (ids or "no_data")


@pytest.mark.parametrize(
    ("found", "reason", "says"),
    [
        (chart(entity="note", groupBy="projectId"), BindReason.NOT_FETCHED, "returned a note"),
        (chart(filter={"status": "late"}), BindReason.NO_DATA, "matches"),
        (chart(groupBy="colour"), BindReason.UNKNOWN_FIELD, "colour; the fields are id, title"),
        (chart(groupBy="status", splitBy="colour"), BindReason.UNKNOWN_FIELD, "colour"),
        (chart(groupBy="status", sort="colour"), BindReason.UNKNOWN_FIELD, "by value or by group"),
        (chart(filter={"colour": 1}), BindReason.UNKNOWN_FIELD, "colour"),
        (chart(agg="sum", field="title"), BindReason.NOT_A_NUMBER, "title"),
        (chart(agg="avg", field="assignee"), BindReason.NO_DATA, "assignee"),
        (chart(groupBy="title", interval="week"), BindReason.NOT_A_DATE, "title"),
        (chart(filter={"dueDate": {"before": "soon"}}), BindReason.NOT_A_DATE, "dueDate"),
        (chart(filter={"dueDate": {"after": "2026-02-30"}}), BindReason.NOT_A_DATE, "dueDate"),
        (chart(filter={"dueDate": "2026-02-30"}), BindReason.NOT_A_DATE, "dueDate"),
        (chart(filter={"dueDate": ["2026-02-28", "2026-02-30"]}), BindReason.NOT_A_DATE, "dueDate"),
        (chart(filter={"dueDate": {"not": "2026-02-30"}}), BindReason.NOT_A_DATE, "dueDate"),
        (chart(groupBy="tags"), BindReason.NOT_A_VALUE, "tags"),
        (table(columns=["tags"]), BindReason.NOT_A_VALUE, "tags"),
        (table(columns=["title", "colour"]), BindReason.UNKNOWN_FIELD, "colour"),
        (table(sort="colour"), BindReason.UNKNOWN_FIELD, "colour"),
        (timeline(filter={"projectId": "p9"}), BindReason.NO_DATA, "matches"),
    ],
)
def test_reasons(found: Any, reason: BindReason, says: str) -> None:
    assert isinstance(found, Unbound)
    assert found.reason == reason.value
    assert says in found.detail


def test_too_many_groups_and_series() -> None:
    results = ToolResults()
    results.add("task", [{"id": number, "title": f"Task {number}"} for number in range(501)])
    bind = Binder(results).bind
    many = {"type": "chart", "chartType": "bar", "title": "T", "from": {"entity": "task", "groupBy": "title"}}
    found = bind(BoundChartBlock.model_validate(many))
    assert isinstance(found, Unbound)
    assert found.reason == "too_many_groups"
    results = ToolResults()
    results.add("task", [{"id": number, "title": f"Task {number}"} for number in range(13)])
    split = {"entity": "task", "splitBy": "title"}
    bind = Binder(results).bind
    found = bind(BoundChartBlock.model_validate(many | {"from": split}))
    assert isinstance(found, Unbound)
    assert "12 series" in found.detail


def test_ids_are_compared_as_models_write_them_and_rows_are_bounded() -> None:
    results = ToolResults()
    results.add("task", [{"id": number, "title": f"Task {number}", "dueDate": MARCH_9} for number in range(600)])
    bind = Binder(results).bind

    def rows(**source: Any) -> Any:
        found = bind(BoundTableBlock.model_validate({"type": "table", "from": {"entity": "task", **source}}))
        assert isinstance(found, dict)
        return found["rows"]

    assert rows(columns=["id"], filter={"id": ["7", 8]}) == [[7], [8]]
    assert len(rows(filter={"id": {"not": "7"}})) == 500
    timeline = bind(BoundTimelineBlock.model_validate({"type": "timeline", "from": {"entity": "task"}}))
    assert isinstance(timeline, dict)
    assert len(timeline["checkpoints"]) == 500


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ({}, "entity"),
        ({"entity": "person"}, "entity"),
        ({"entity": "task", "group": "status"}, "group"),
        ({"entity": "task", "agg": "median"}, "agg"),
        ({"entity": "task", "agg": "sum"}, "needs field"),
        ({"entity": "task", "interval": "week"}, "needs groupBy"),
        ({"entity": "task", "limit": 0}, "limit"),
        ({"entity": "task", "order": "down"}, "order"),
        ({"entity": "task", "order": "desc"}, "order needs sort"),
        ({"entity": "task", "filter": {"status": {}}}, "before, after or not"),
        ({"entity": "task", "filter": {"status": {"than": 1}}}, "than"),
    ],
)
def test_an_invalid_from_is_rejected(source: dict[str, Any], place: str) -> None:
    with pytest.raises(ValidationError, match=place):
        chart(**({"entity": None} | source))


@pytest.mark.parametrize(
    ("language", "headers", "rows"),
    [
        ("en", ["Task", "Status", "Project", "Effort points"], ["Web", "In progress", "No project"]),
        ("de", ["Aufgabe", "Stand", "Projekt", "Effort points"], ["Web", "In Arbeit", "Ohne Projekt"]),
        ("ar", ["المهمة", "الحالة", "المشروع", "Effort points"], ["Web", "قيد التنفيذ", "بلا مشروع"]),
    ],
)
def test_labels_are_in_the_persons_language(language: str, headers: list[str], rows: list[str]) -> None:
    results = ToolResults()
    results.add("task", [{"id": "1", "title": "Web", "status": "in_progress", "effortPoints": 3}])
    bound = Binder(results, sentences=lambda: Sentences.of(language)).bind
    columns = ["title", "status", "projectId", "effortPoints"]
    source = {"entity": "task", "columns": columns}
    found = bound(BoundTableBlock.model_validate({"type": "table", "from": source}))
    assert isinstance(found, dict)
    assert found["headers"] == headers
    assert found["rows"] == [[*rows[:2], None, 3]]
    groups = {"entity": "task", "groupBy": "projectId", "agg": "count"}
    grouped = bound(BoundTableBlock.model_validate({"type": "table", "from": groups}))
    assert isinstance(grouped, dict)
    assert grouped["rows"] == [[rows[2], 1]]
