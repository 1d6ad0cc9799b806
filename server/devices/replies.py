"""Tool calls and data requests that a device has not answered yet, by id."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar
from uuid import UUID

import trio

T = TypeVar("T")


class DeviceGone(Exception):
    """The device's socket closed before the device answered."""


class Reply(Generic[T]):
    """One expected answer. One task waits for it."""

    def __init__(self) -> None:
        self._arrived = trio.Event()
        self._answer: T | None = None
        self._gone = False

    def put(self, answer: T) -> None:
        self._answer = answer
        self._arrived.set()

    def give_up(self) -> None:
        self._gone = True
        self._arrived.set()

    async def wait(self) -> T:
        """The answer. Raises `DeviceGone`."""
        await self._arrived.wait()
        if self._gone or self._answer is None:
            raise DeviceGone
        return self._answer


class PendingReplies(Generic[T]):
    """The open calls of one socket. An id that is not here was never used, or its call was answered or withdrawn."""

    def __init__(self) -> None:
        self._replies: dict[UUID, Reply[T]] = {}
        self._gone = False

    def __len__(self) -> int:
        return len(self._replies)

    @contextmanager
    def expect(self, reply_id: UUID) -> Iterator[Reply[T]]:
        """Expect an answer with `reply_id` while the block runs. An answer after that is unknown."""
        reply = Reply[T]()
        if self._gone:
            reply.give_up()
        self._replies[reply_id] = reply
        try:
            yield reply
        finally:
            self._replies.pop(reply_id, None)

    def answer(self, reply_id: UUID, answer: T) -> bool:
        """Deliver an answer. Returns False if no task waits for it. Only the first answer to a call is known."""
        reply = self._replies.pop(reply_id, None)
        if reply is None:
            return False
        reply.put(answer)
        return True

    def give_up(self, reply_id: UUID) -> None:
        """Fail one call with `DeviceGone`. Does nothing if no task waits for it."""
        reply = self._replies.pop(reply_id, None)
        if reply is not None:
            reply.give_up()

    def device_gone(self) -> None:
        """Fail every open call, and every later one, with `DeviceGone`."""
        self._gone = True
        for reply in self._replies.values():
            reply.give_up()
