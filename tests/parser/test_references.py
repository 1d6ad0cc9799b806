"""An `entity_ref` without `ids` means all items of the entity. One with an `id` or a condition never means all."""

from __future__ import annotations

import json

import pytest

from parser import BlockReady, BlockRejected, EntityRefBlock
from tests.parser.feeds import assert_same_however_cut


def reference(**members: object) -> str:
    return json.dumps({"type": "entity_ref", "entity": "task", **members})


@pytest.mark.parametrize(
    ("members", "ids"),
    [
        ({}, None),
        ({"ids": ["a", "b"]}, ["a", "b"]),
        ({"ids": []}, []),
        ({"id": "a"}, ["a"]),
        ({"id": 7}, ["7"]),
        ({"id": "block-1", "ids": ["a"]}, ["a"]),
        ({"id": "", "filter": {}}, None),
        ({"id": None, "where": None}, None),
    ],
)
def test_the_named_items(members: dict[str, object], ids: list[str] | None) -> None:
    (ready,) = [one for one in assert_same_however_cut(reference(**members)) if isinstance(one, BlockReady)]
    assert isinstance(ready.block, EntityRefBlock)
    assert ready.block.ids == ids


@pytest.mark.parametrize("members", [{"filter": {"status": "done"}}, {"where": "status = done"}])
def test_a_condition_is_rejected(members: dict[str, object]) -> None:
    events = assert_same_however_cut(reference(**members))
    assert not any(isinstance(one, BlockReady) for one in events)
    (rejected,) = [one for one in events if isinstance(one, BlockRejected)]
    assert "has no filter" in rejected.detail
