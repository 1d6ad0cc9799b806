"""Limits over several workers: a real arbiter and its Unix socket, which is lost, frozen and found again."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import wait_all_tasks_blocked

from server.shared_limits import Arbiter, Places, Rate, SharedLimits
from server.shared_limits.arbiter import ARBITER
from server.shared_limits.messages import Lines

RATE = Rate("requests", per_s=0.001, burst=10)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: that of a Unix socket has at most 107 characters."""
    with tempfile.TemporaryDirectory(prefix="tessera-test-") as folder:
        yield Path(folder)


@asynccontextmanager
async def workers(folder: Path, count: int) -> AsyncIterator[list[SharedLimits]]:
    """An arbiter and connected workers."""
    async with trio.open_nursery() as nursery:
        await nursery.start(Arbiter(folder).serve)
        shared = [SharedLimits(folder) for _ in range(count)]
        for one in shared:
            await nursery.start(one.run)
        yield shared
        nursery.cancel_scope.cancel()


async def test_a_rate_counts_the_requests_of_all_workers(folder: Path) -> None:
    async with workers(folder, 3) as shared:
        limits = [one.limit(RATE) for one in shared]
        waits = [await limits[number % 3].take("ann") for number in range(15)]
        assert waits[:10] == [0] * 10
        assert all(900 < wait_s <= 1000 for wait_s in waits[10:])
        assert await limits[0].take("ben") == 0
        assert await shared[0].limit(Rate("other", 1, 1)).take("ann") == 0


async def test_bytes_of_all_workers_are_owed_together(folder: Path) -> None:
    async with workers(folder, 2) as shared:
        here, there = (one.limit(Rate("bytes", 0.001, 10)) for one in shared)
        assert await here.spend("ann", 10) == 0
        assert 4900 < await there.spend("ann", 5) <= 5000
        assert 9900 < await here.spend("ann", 5) <= 10_000


async def test_a_user_has_one_share_of_the_places_of_all_workers(folder: Path) -> None:
    async with workers(folder, 2) as shared:
        here, there = (one.places("calls", 6) for one in shared)
        asked = [(places, places.place("ann")) for places in (here, there) * 4]
        assert [await places.take(place, 0) for places, place in asked] == [True] * 3 + [False] * 5  # half: one user
        assert (here.held, there.held) == (2, 1)
        assert repr(here) == "<SharedPlaces calls: 2 of 6 held by this worker>"
        assert await there.take(there.place("ben"), 0)
        asked[1][1].give_back()
        assert await here.take(here.place("cat"), 0)
        assert not await here.take(here.place("ann"), 0)


async def test_a_place_that_one_worker_gives_back_wakes_another(folder: Path) -> None:
    async with workers(folder, 2) as shared:
        here, there = (one.places("calls", 1) for one in shared)
        held, waits = here.place("ann"), there.place("ben")
        assert await here.take(held)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(there.take, waits)
            with trio.move_on_after(0) as cancelled:  # a cancelled wait leaves its turn to the next
                await there.take(there.place("cat"))
            assert cancelled.cancelled_caught
            held.give_back()
        assert waits.held
        assert not await here.take(here.place("ann"), 0)
        waits.give_back()
        assert await here.take(here.place("ann"), 0)


async def test_a_cancelled_wait_holds_no_place(folder: Path) -> None:
    async with workers(folder, 2) as shared:
        here, there = (one.places("calls", 1) for one in shared)
        held = here.place("ann")
        assert await here.take(held)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(there.take, there.place("ben"))
            await wait_all_tasks_blocked(0.01)
            nursery.cancel_scope.cancel()
        held.give_back()
        assert await there.take(there.place("cat"), 1)
        assert (here.held, there.held) == (0, 1)


async def lost(shared: SharedLimits) -> None:
    """Wait until the worker knows that it has no arbiter."""
    with trio.fail_after(5):
        while shared.connected:  # noqa: ASYNC110 - the worker has no event for its tests
            await trio.sleep(0.001)


async def test_the_places_of_a_worker_that_dies_are_free(folder: Path) -> None:
    async with trio.open_nursery() as nursery:
        await nursery.start(Arbiter(folder).serve)
        dies, lives = SharedLimits(folder), SharedLimits(folder)
        await nursery.start(lives.run)
        async with trio.open_nursery() as dying:
            await dying.start(dies.run)
            places = dies.places("calls", 1)
            assert await places.take(places.place("ann"))
            dying.cancel_scope.cancel()
        other = lives.places("calls", 1)
        assert await other.take(other.place("ben"), 5)
        nursery.cancel_scope.cancel()


async def test_without_an_arbiter_a_worker_counts_for_itself_and_then_connects_again(folder: Path) -> None:
    with capture_logs() as logs:
        async with trio.open_nursery() as nursery:
            shared = SharedLimits(folder)
            await nursery.start(shared.run)  # there is no arbiter yet
            assert [line["event"] for line in logs] == ["shared_limits_lost"]
            limit, places = shared.limit(RATE), shared.places("calls", 2)
            assert [await limit.take("ann") == 0 for _ in range(11)] == [True] * 10 + [False]
            own = places.place("ann")
            assert await places.take(own, 0)
            async with trio.open_nursery() as first:
                await first.start(Arbiter(folder).serve)
                await connected(shared)
                given = places.place("ann")
                assert await places.take(given, 0)
                assert places.held == 2
                first.cancel_scope.cancel()
            await lost(shared)
            assert [line["event"] for line in logs] == ["shared_limits_lost"] * 2
            given.give_back()
            own.give_back()
            assert places.held == 0
            assert await limit.take("ben") == 0
            (folder / ARBITER).unlink()
            await nursery.start(Arbiter(folder).serve)
            await connected(shared)
            assert await limit.take("ann") == 0
            nursery.cancel_scope.cancel()


async def connected(shared: SharedLimits) -> None:
    with trio.fail_after(5):
        while not shared.connected:  # noqa: ASYNC110 - the worker has no event for its tests
            await trio.sleep(0.001)


async def test_an_arbiter_that_does_not_answer_is_left(folder: Path) -> None:
    """It accepts connections and answers the first question, as a process that is frozen then."""

    async def freeze(stream: trio.SocketStream) -> None:
        async for _ in Lines(stream):
            await stream.send_all(b'{"number":0}\n')
            await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        listener = trio.socket.socket(socket.AF_UNIX)
        await listener.bind(str(folder / ARBITER))
        listener.listen()
        nursery.start_soon(trio.serve_listeners, freeze, [trio.SocketListener(listener)])
        shared = SharedLimits(folder)
        await nursery.start(shared.run)
        assert shared.connected
        limit: Places = shared.places("calls", 1)
        assert await limit.take(limit.place("ann"), 0)  # its own, after a second
        await lost(shared)
        assert await shared.limit(RATE).take("ann") == 0
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("sent", [b"no json\n", b'{"op":"take","number":1,"per_s":0}\n', b"x" * 5000])
async def test_a_fault_of_one_worker_ends_only_its_connection(folder: Path, sent: bytes) -> None:
    with capture_logs() as logs:
        async with workers(folder, 1) as shared:
            async with await trio.open_unix_socket(str(folder / ARBITER)) as stream:
                await stream.send_all(sent)
                with trio.fail_after(5):
                    assert await stream.receive_some() == b""
            assert await shared[0].limit(RATE).take("ann") == 0
            assert shared[0].connected
    assert [line["event"] for line in logs] == ["shared_limits_failed"]
