"""Frames between two processes: what the other side may send, and when it may send it."""

from __future__ import annotations

import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from server.sockets.device_socket import SocketClosed
from server.sockets.direct_stream import DirectStream
from server.sockets.frame_stream import FrameStream


@asynccontextmanager
async def pair() -> AsyncIterator[tuple[DirectStream, DirectStream]]:
    left, right = (DirectStream(trio.SocketStream(trio.socket.from_stdlib_socket(one))) for one in socket.socketpair())
    try:
        yield left, right
    finally:
        await left.aclose()
        await right.aclose()


async def test_frames_arrive_whole_however_the_bytes_are_cut() -> None:
    async with pair() as (raw, other):
        frames = FrameStream(other)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(frames.run)
            for text in (b"", b"one", "zwö".encode()):
                for byte in struct.pack("!BI", 1, len(text)) + text:
                    await raw.send_all(bytes([byte]))
            assert [await frames.receive() for _ in range(3)] == [b"", b"one", "zwö".encode()]
            nursery.cancel_scope.cancel()


async def test_a_cancelled_send_leaves_the_stream_usable() -> None:
    async with pair() as (left, right):
        one, two = FrameStream(left), FrameStream(right)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(one.run)
            nursery.start_soon(two.run)
            await one.send(b"x" * 100_000)
            with trio.CancelScope() as scope:
                scope.cancel()
                await one.send(b"not sent: the other side has not taken the first frame")
            assert await two.receive() == b"x" * 100_000
            await one.send(b"last")
            assert await two.receive() == b"last"
            nursery.cancel_scope.cancel()


async def test_frames_before_a_close_code_are_received() -> None:
    async with pair() as (left, right):
        one, two = FrameStream(left), FrameStream(right)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(one.run)
            nursery.start_soon(two.run)
            await one.send(b"last")
            await one.close(4001, "bye")
            await two.closed()
            assert two.close_code == (4001, "bye")
            assert await two.receive() == b"last"
            for use in (two.receive, two.pinged, two.ping):
                with pytest.raises(SocketClosed) as closed:
                    await use()
                assert (closed.value.code, closed.value.reason) == (4001, "bye")
            nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    "data",
    [
        struct.pack("!BI", 1, 1 << 31),  # too long
        struct.pack("!BI", 2, 1) + b"x",  # no number
        struct.pack("!BI", 5, 0),  # no code
        struct.pack("!BI", 1, 10) + b"half",
    ],
)
async def test_what_does_not_follow_the_protocol_closes_the_stream(data: bytes) -> None:
    async with pair() as (raw, other):
        frames = FrameStream(other)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(frames.run)
            await raw.send_all(data)
            await raw.aclose()
            with pytest.raises(SocketClosed):
                await frames.receive()
            assert frames.close_code is None


async def test_the_closing_of_the_other_side_wakes_every_task() -> None:
    async with pair() as (left, right):
        frames, ended = FrameStream(left), 0

        async def wait_in(number: int) -> None:
            nonlocal ended
            with pytest.raises(SocketClosed):
                await (frames.ping() if number else frames.receive())
            ended += 1

        async with trio.open_nursery() as nursery:
            nursery.start_soon(frames.run)
            for number in range(3):
                nursery.start_soon(wait_in, number)
            await wait_all_tasks_blocked()
            assert ended == 0
            await right.aclose()
        assert ended == 3
