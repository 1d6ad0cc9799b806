"""Questions that were put to a device and await their one answer: tool calls and data requests, by id."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar
from uuid import UUID

import trio

T = TypeVar("T")


class DeviceGone(Exception):
    """The device's socket closed before it answered."""


class Reply(Generic[T]):
    """The place where one answer arrives. One task waits."""

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
    """The unanswered questions of one socket. An id that is not here was never asked, is answered, or was withdrawn."""

    def __init__(self) -> None:
        self._replies: dict[UUID, Reply[T]] = {}
        self._gone = False

    def __len__(self) -> int:
        return len(self._replies)

    @contextmanager
    def expect(self, reply_id: UUID) -> Iterator[Reply[T]]:
        """Await an answer under `reply_id` for as long as the block runs; later ones are unknown."""
        reply = Reply[T]()
        if self._gone:
            reply.give_up()
        self._replies[reply_id] = reply
        try:
            yield reply
        finally:
            self._replies.pop(reply_id, None)

    def answer(self, reply_id: UUID, answer: T) -> bool:
        """Hand in an answer; False when nobody awaits it. The first answer counts, a second one is unknown."""
        reply = self._replies.pop(reply_id, None)
        if reply is None:
            return False
        reply.put(answer)
        return True

    def give_up(self, reply_id: UUID) -> None:
        """Fail one question with `DeviceGone`; does nothing when nobody awaits it."""
        reply = self._replies.pop(reply_id, None)
        if reply is not None:
            reply.give_up()

    def device_gone(self) -> None:
        """Fail all that is pending, and all that is asked from now on, with `DeviceGone`."""
        self._gone = True
        for reply in self._replies.values():
            reply.give_up()
