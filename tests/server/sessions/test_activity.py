"""`Activity` is idle exactly while nothing is in progress."""

from __future__ import annotations

import trio
from trio.testing import wait_all_tasks_blocked

from server.sessions.activity import Activity


async def test_it_is_idle_when_everything_has_ended() -> None:
    activity, waited = Activity(), []

    async def wait() -> None:
        await activity.idle()
        waited.append(True)

    await activity.idle()
    activity.begin()
    activity.begin()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        activity.end()
        await wait_all_tasks_blocked()
        assert waited == []
        activity.end()
    assert waited == [True]
    activity.begin()
    with trio.move_on_after(0) as scope:
        await activity.idle()
    assert scope.cancelled_caught
