"""The facts of an answer within a size."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from memory.conversations import shorten_facts


def listed(count: int) -> dict[str, Any]:
    items = [
        {
            "id": str(uuid4()),
            "title": f"Task number {number} with an ordinary title",
            "status": "in_progress",
            "dueDate": "2026-03-09",
            "projectId": str(uuid4()),
        }
        for number in range(count)
    ]
    return {"showed": "items", "entity": "task", "items": items}


def test_facts_that_fit_stay_as_they_are() -> None:
    facts = [listed(10), {"changed": "update", "entity": "task", "item": {"id": "t1"}}]
    assert shorten_facts(facts, 8_000) == facts


def test_a_usual_list_keeps_the_id_and_title_of_every_item() -> None:
    fact = listed(40)
    (found,) = shorten_facts([fact], 8_000)
    assert found["items"] == [{"id": one["id"], "title": one["title"]} for one in fact["items"]]
    assert "more" not in found


@pytest.mark.parametrize("max_chars", [250, 500, 1_000, 3_000])
def test_items_are_left_out_whole_and_counted(max_chars: int) -> None:
    fact = listed(40) | {"more": 5}
    (found,) = shorten_facts([fact], max_chars)
    assert len(json.dumps(found)) <= max_chars
    shown = len(found["items"])
    assert 0 < shown < 40
    assert shown + found["more"] == 45
    assert [one["id"] for one in found["items"]] == [one["id"] for one in fact["items"][:shown]]


def test_a_fact_without_room_for_an_item_is_left_out_and_a_later_one_stays() -> None:
    small = {"changed": "delete", "entity": "task", "item": {"id": "t1"}}
    assert shorten_facts([listed(3), small], 100) == [small]
