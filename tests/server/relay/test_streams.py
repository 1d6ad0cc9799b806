"""Byte streams between two servers: at most four messages a second, in order, never with a gap."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from server.relay.messages import StreamData
from server.relay.streams import RelayedStream, RelayStreams

USER = uuid4()


class Wire:
    """Two servers; each message of one is handled by the other immediately, unless `loses` says that it is lost."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.loses: Callable[[StreamData], bool] = lambda _: False
        self.told = True
        ids = uuid4(), uuid4()
        self.one, self.other = (RelayStreams(server_id, self._post) for server_id in ids)
        self.other_id = ids[1]
        self._by_id = dict(zip(ids, (self.one, self.other), strict=True))
        self.accepted: list[RelayedStream] = []

        async def accept(stream: RelayedStream) -> None:
            self.accepted.append(stream)
            await trio.lowlevel.checkpoint()

        self.other.accept = accept

    def _post(self, user_id: UUID, server_id: UUID, message: StreamData, lost: Callable[[], None]) -> None:
        self.times.append(trio.current_time())
        if not self.loses(message):
            self._by_id[server_id].handle(user_id, message)
        elif self.told:
            lost()

    async def opened(self) -> tuple[RelayedStream, RelayedStream]:
        stream = self.one.open(USER, self.other_id)
        await stream.send_all(b"?")
        await stream.sent()
        await wait_all_tasks_blocked()
        (accepted,) = self.accepted
        assert await accepted.receive_some() == b"?"
        return stream, accepted


@asynccontextmanager
async def wired() -> AsyncIterator[Wire]:
    wire = Wire()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wire.one.run)
        nursery.start_soon(wire.other.run)
        await wait_all_tasks_blocked()
        yield wire
        nursery.cancel_scope.cancel()


async def test_at_most_four_messages_a_second_carry_everything_in_order(autojump_clock: MockClock) -> None:
    async with wired() as wire:
        stream, accepted = await wire.opened()
        wire.times.clear()
        expected = b""
        for number in range(400):
            data = b"%d," % number
            expected += data
            await stream.send_all(data)
            await trio.sleep(0.01)
        await stream.sent()
        assert 15 <= len(wire.times) <= 18
        assert min(b - a for a, b in zip(wire.times, wire.times[1:], strict=False)) >= 0.249
        received = b""
        while len(received) < len(expected):
            received += await accepted.receive_some(100)
        assert received == expected


async def test_what_is_sent_after_a_pause_leaves_immediately(autojump_clock: MockClock) -> None:
    async with wired() as wire:
        stream, _ = await wire.opened()
        await trio.sleep(1)
        began = trio.current_time()
        await stream.send_all(b"now")
        await stream.sent()
        assert trio.current_time() == began


async def test_a_sender_waits_while_much_waits(autojump_clock: MockClock) -> None:
    async with wired() as wire:
        stream, _ = await wire.opened()
        began = trio.current_time()
        for _ in range(40):
            await stream.send_all(b"x" * 10_000)
        assert 1 <= trio.current_time() - began <= 2


async def test_the_end_comes_after_the_last_bytes_and_frees_both_sides(autojump_clock: MockClock) -> None:
    async with wired() as wire:
        stream, accepted = await wire.opened()
        await stream.send_all(b"last")
        await stream.aclose()
        await stream.aclose()
        assert await accepted.receive_some() == b"last"
        assert await accepted.receive_some() == b""
        with pytest.raises(trio.ClosedResourceError):
            await stream.send_all(b"x")
        with pytest.raises(trio.ClosedResourceError):
            await stream.receive_some()
        await accepted.aclose()
        assert (len(wire.one), len(wire.other)) == (0, 0)


@pytest.mark.parametrize("told", [True, False])
async def test_a_lost_message_breaks_the_stream(autojump_clock: MockClock, told: bool) -> None:
    async with wired() as wire:
        stream, accepted = await wire.opened()
        wire.loses = lambda message: message.data == b"lost"
        wire.told = told
        await stream.send_all(b"lost")
        await stream.sent()
        if told:
            with pytest.raises(trio.BrokenResourceError):
                await stream.send_all(b"next")
        else:
            await stream.send_all(b"next")
            with pytest.raises(trio.BrokenResourceError):
                await accepted.receive_some()


async def test_a_server_that_is_gone_breaks_its_streams(autojump_clock: MockClock) -> None:
    async with wired() as wire:
        stream, _ = await wire.opened()
        assert wire.one.servers() == {wire.other_id}
        wire.one.server_gone(uuid4())
        await stream.send_all(b"fine")
        wire.one.server_gone(wire.other_id)
        with pytest.raises(trio.BrokenResourceError):
            await stream.receive_some()
        await stream.aclose()
        assert wire.one.servers() == set()


async def test_a_stream_that_the_other_side_does_not_have_ends(autojump_clock: MockClock) -> None:
    async with wired() as wire:
        wire.other.accept = None
        stream = wire.one.open(USER, wire.other_id)
        await stream.send_all(b"?")
        assert await stream.receive_some() == b""
        assert len(wire.other) == 0


async def test_messages_of_another_server_are_not_taken(autojump_clock: MockClock) -> None:
    async with wired() as wire:
        _, accepted = await wire.opened()
        ((user_id, stream_id),) = wire.other._sides
        forged = StreamData(stream_id=stream_id, sender=uuid4(), number=1, data=b"forged", last=False)
        wire.other.handle(user_id, forged)
        with trio.move_on_after(5) as scope:
            await accepted.receive_some()
        assert scope.cancelled_caught
