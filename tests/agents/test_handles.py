"""Handles replace long ids in what a model reads, and become the ids again in what it writes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.handles import Handles

LONG = "7d0c1c1e-6a0b-4c58-9a7e-0b1f6d0c0001"
OTHER = "7d0c1c1e-6a0b-4c58-9a7e-0b1f6d0c0002"
PROJECT = "7d0c1c1e-6a0b-4c58-9a7e-0b1f6d0c0003"


def test_items_and_references_get_handles_and_keep_them() -> None:
    handles = Handles()
    listed = {"items": [{"id": LONG, "projectId": PROJECT, "title": "One"}, {"id": OTHER, "projectId": None}]}
    wanted = {"items": [{"id": "t1", "projectId": "p1", "title": "One"}, {"id": "t2", "projectId": None}]}
    assert handles.shorten(listed, "task") == wanted
    assert handles.shorten(listed, "task") == wanted
    assert handles.shorten({"id": PROJECT}, "project") == {"id": "p1"}
    assert [handles.id_of(name) for name in ("t1", "t2", "p1", "t3")] == [LONG, OTHER, PROJECT, "t3"]


def test_short_ids_stay_and_are_never_taken_as_handles() -> None:
    handles = Handles()
    assert handles.of("task", "t1") == "t1"
    assert handles.of("task", LONG) == "t2"
    assert handles.of("task", "t2") == "t3"  # the device has an item whose id is the handle of another
    assert [handles.id_of(name) for name in ("t1", "t2", "t3")] == ["t1", LONG, "t2"]


def test_items_inside_a_result_have_their_own_entity() -> None:
    progress = {"id": PROJECT, "nextDue": {"id": LONG}, "checkpointsAhead": [{"id": OTHER}], "byStatus": {"done": 1}}
    assert Handles().shorten({"items": [progress]}, "project") == {
        "items": [{"id": "p1", "nextDue": {"id": "t1"}, "checkpointsAhead": [{"id": "c1"}], "byStatus": {"done": 1}}]
    }


@pytest.mark.parametrize(
    ("fact", "wanted"),
    [
        ({"showed": "items", "entity": "task", "items": [{"id": LONG}]}, {"items": [{"id": "t1"}]}),
        ({"read": "note", "items": [{"id": LONG}]}, {"items": [{"id": "n1"}]}),
        ({"changed": "update", "entity": "project", "item": {"id": LONG}}, {"item": {"id": "p1"}}),
        ({"showed": "timeline", "checkpoints": [{"id": LONG}]}, {"checkpoints": [{"id": "c1"}]}),
        ({"showed": "table", "rows": [[LONG]]}, {"rows": [[LONG]]}),
        (
            {"answer_to": "my tasks", "facts": [{"read": "task", "items": [{"id": LONG}]}]},
            {"facts": [{"read": "task", "items": [{"id": "t1"}]}]},
        ),
        ("text", {}),
    ],
)
def test_what_earlier_answers_showed_has_handles(fact: Any, wanted: dict[str, Any]) -> None:
    shortened = Handles().shorten_fact(fact)
    assert shortened == ({**fact, **wanted} if isinstance(fact, dict) else fact)


@given(st.lists(st.one_of(st.uuids().map(str), st.from_regex(r"\A[tpnc][0-9]{1,3}\Z"), st.text(min_size=1))))
def test_every_handle_leads_back_to_its_id(ids: list[str]) -> None:
    handles = Handles()
    given_out = {identity: handles.of("task", identity) for identity in ids}
    assert all(handles.id_of(handle) == identity for identity, handle in given_out.items())
    assert len(set(given_out.values())) == len(given_out)
