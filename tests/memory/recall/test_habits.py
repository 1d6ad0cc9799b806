"""Habits are brought up in their context: at their time in the person's zone, and when the name occurs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from memory.tiers.patterns import fits, name_identities
from person import StatedLocale
from sql.pool import Pool
from tests.memory.memories import Memories

MONDAY = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
ON_MONDAYS = "Often asks about tasks on Monday mornings."
OF_APOLLO = "Often mentions Apollo."


def last_mondays() -> list[datetime]:
    """The last four Monday mornings. The newest is less than a week ago: an older pattern fades below recall."""
    now = datetime.now(UTC)
    newest = (now - timedelta(days=now.weekday())).replace(hour=9, minute=30)
    if newest > now:
        newest -= timedelta(weeks=1)
    return [newest - timedelta(weeks=weeks) for weeks in (3, 2, 1, 0)]


@pytest.mark.parametrize(
    ("message", "at", "zone", "expected"),
    [
        ("hello", MONDAY, None, {ON_MONDAYS}),
        ("hello", MONDAY + timedelta(days=1), None, set()),
        ("hello", MONDAY + timedelta(hours=8), None, set()),
        ("What about Apollo?", MONDAY + timedelta(days=1), None, {OF_APOLLO}),
        ("is APOLLO's plan done", MONDAY, None, {OF_APOLLO, ON_MONDAYS}),
        ("apollonian", MONDAY + timedelta(days=1), None, set()),
        ("hello", MONDAY, "Asia/Tokyo", set()),  # it is evening there
        ("hello", MONDAY - timedelta(hours=9), "Asia/Tokyo", {ON_MONDAYS}),
    ],
)
async def test_a_habit_is_recalled_in_its_context(
    pool: Pool, message: str, at: datetime, zone: str | None, expected: set[str]
) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    for monday in last_mondays():
        await memories.middleware.store_episode(
            ann, None, "What is due for Apollo?", "Two tasks.", agent="task_agent", at=monday
        )
    await memories.middleware.enrichment.run_once()
    locales = [StatedLocale("request", time_zone=zone)] if zone is not None else []
    recalled = await memories.middleware.enrich_context(ann, message, locales, at)
    assert {habit.text for habit in recalled.proactive} == expected


def test_which_times_fit() -> None:
    assert fits("weekly:task_agent:0:morning", MONDAY)
    assert not fits("weekly:task_agent:1:morning", MONDAY)
    assert not fits("weekly:task_agent:0:evening", MONDAY)
    assert fits("daily:task_agent:morning", MONDAY)
    assert not fits("daily:task_agent:night", MONDAY)
    assert fits("name:apollo", MONDAY)


def test_a_long_message_has_a_bounded_number_of_names() -> None:
    assert len(name_identities(" ".join(f"name{'x' * number}" for number in range(1000)))) == 200
