"""Ids of rows begin with the time, so that they are in the order of their creation."""

from __future__ import annotations

import time
from uuid import RFC_4122

from sql.row_ids import new_row_id


def test_the_ids_are_version_7_and_in_the_order_of_their_creation() -> None:
    before = time.time_ns() // 1_000_000
    ids = []
    for _ in range(200):
        ids.append(new_row_id())
        time.sleep(1e-6)
    after = time.time_ns() // 1_000_000
    assert {(id_.version, id_.variant) for id_ in ids} == {(7, RFC_4122)}
    assert len(set(ids)) == 200
    assert ids == sorted(ids)
    assert before <= ids[0].int >> 80 <= ids[-1].int >> 80 <= after


def test_two_ids_of_the_same_moment_differ() -> None:
    assert len({new_row_id().int & (1 << 62) - 1 for _ in range(1000)}) == 1000
