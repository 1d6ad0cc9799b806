"""The longest block of the event loop."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from server.telemetry import LoopBlock


async def test_the_longest_block_of_the_last_minute_counts(nursery: trio.Nursery, mock_clock: MockClock) -> None:
    block = LoopBlock()
    assert block.longest_s == 0
    nursery.start_soon(block.run)
    await trio.testing.wait_all_tasks_blocked()
    mock_clock.jump(2.25)  # two seconds more than the task wanted to sleep
    await trio.testing.wait_all_tasks_blocked()
    assert round(block.longest_s, 3) == 2
    block.note(trio.current_time(), 0.5)
    mock_clock.jump(30)
    assert round(block.longest_s, 3) == 2


async def test_a_longer_block_replaces_shorter_ones_and_old_ones_are_forgotten(mock_clock: MockClock) -> None:
    block = LoopBlock()
    block.note(0, 0.1)
    block.note(1, 0.3)
    block.note(2, 0.2)
    assert block.longest_s == 0.3
    mock_clock.jump(61.5)
    assert block.longest_s == 0.2
    mock_clock.jump(60)
    assert block.longest_s == 0
