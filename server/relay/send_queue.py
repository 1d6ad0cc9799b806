"""The queue of messages to other servers: bounded, in order per user, several users at the same time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import Final
from uuid import UUID

import structlog
import trio

from server.relay.messages import Message
from server.relay.store import RelayStore

log = structlog.get_logger(__name__)

_QUEUES: Final = 4
_WAITING: Final = 1000
_WITHIN_S: Final = 5.0


def _nothing() -> None:
    """For messages whose loss no task waits for."""


@dataclass(frozen=True, slots=True)
class _Task:
    run: Callable[[], Awaitable[None]]
    lost: Callable[[], None]


class SendQueue:
    """Writes messages to the database. Calls `lost` of a message that can't be written in time."""

    def __init__(self, store: RelayStore) -> None:
        self._store = store
        self._queues = [trio.open_memory_channel[_Task](_WAITING) for _ in range(_QUEUES)]

    def put(
        self, user_id: UUID, server_id: UUID, message: Message, ttl_s: float, lost: Callable[[], None] = _nothing
    ) -> None:
        """Send `message` to a server, where it waits at most `ttl_s` seconds. `lost` is called if it can't be sent."""
        self._queue(user_id, partial(self._store.send, user_id, server_id, message, ttl_s), lost)

    def put_call(
        self,
        user_id: UUID,
        server_id: UUID,
        message: Message,
        ttl_s: float,
        call_id: UUID,
        lost: Callable[[], None] = _nothing,
    ) -> None:
        """Like `put`, for a message that `withdraw` can take back. Its time includes its wait in this queue."""
        expires_at = trio.current_time() + ttl_s
        self._queue(user_id, partial(self._put_call, user_id, server_id, message, expires_at, call_id), lost)

    def withdraw(self, user_id: UUID, server_id: UUID, call_id: UUID, otherwise: Message, ttl_s: float) -> None:
        """Take the call `call_id` back, or send `otherwise` if the other server has already taken it."""
        self._queue(user_id, partial(self._withdraw, user_id, server_id, call_id, otherwise, ttl_s), _nothing)

    def announce(self, user_id: UUID, message: Message, ttl_s: float) -> None:
        """Send `message` to every other server with a device of the user's."""
        self._queue(user_id, partial(self._announce, user_id, message, ttl_s), _nothing)

    def announce_once(self, user_id: UUID, told: set[UUID], message: Callable[[], Message], ttl_s: float) -> None:
        """Send `message()` to the servers of `announce` that are not in `told`, which then has them."""
        self._queue(user_id, partial(self._announce_once, user_id, told, message, ttl_s), _nothing)

    def put_all(self, user_id: UUID, servers: Collection[UUID], message: Message, ttl_s: float) -> None:
        """Send `message` to those that are in `servers` when the messages before it were sent."""
        self._queue(user_id, partial(self._put_all, user_id, servers, message, ttl_s), _nothing)

    def away(self, user_id: UUID, device_id: UUID, connection_id: UUID) -> None:
        """Record that a device has lost its socket at this server."""
        self._queue(user_id, partial(self._store.away, user_id, device_id, connection_id), _nothing)

    def part(self, user_id: UUID, device_id: UUID, connection_id: UUID) -> None:
        """Record that a device has no session at this server any more."""
        self._queue(user_id, partial(self._store.part, user_id, device_id, connection_id), _nothing)

    async def run(self) -> None:
        """Send until cancelled."""
        async with trio.open_nursery() as nursery:
            for _, queue in self._queues:
                nursery.start_soon(self._run_queue, queue)

    def _queue(self, user_id: UUID, run: Callable[[], Awaitable[None]], lost: Callable[[], None]) -> None:
        send, _ = self._queues[user_id.int % _QUEUES]
        try:
            send.send_nowait(_Task(run, lost))
        except trio.WouldBlock:
            log.warning("relay_overflow", waiting=_WAITING)
            lost()

    async def _run_queue(self, queue: trio.MemoryReceiveChannel[_Task]) -> None:
        async for task in queue:
            try:
                with trio.fail_after(_WITHIN_S):
                    await task.run()
            # The boundary of one message: a failure must not affect the next messages.
            except Exception as error:  # noqa: BLE001
                log.warning("relay_send_failed", reason=type(error).__name__, detail=str(error))
                task.lost()

    async def _put_call(
        self, user_id: UUID, server_id: UUID, message: Message, expires_at: float, call_id: UUID
    ) -> None:
        left_s = expires_at - trio.current_time()
        if left_s > 0:  # else the deadline of the asking server has passed too
            await self._store.send(user_id, server_id, message, left_s, call_id)

    async def _withdraw(self, user_id: UUID, server_id: UUID, call_id: UUID, otherwise: Message, ttl_s: float) -> None:
        if not await self._store.withdraw(user_id, call_id):
            await self._store.send(user_id, server_id, otherwise, ttl_s)

    async def _announce(self, user_id: UUID, message: Message, ttl_s: float) -> None:
        await self._put_all(user_id, await self._others(user_id), message, ttl_s)

    async def _announce_once(
        self, user_id: UUID, told: set[UUID], message: Callable[[], Message], ttl_s: float
    ) -> None:
        for server_id in await self._others(user_id) - told:
            await self._store.send(user_id, server_id, message(), ttl_s)
            told.add(server_id)

    async def _put_all(self, user_id: UUID, servers: Collection[UUID], message: Message, ttl_s: float) -> None:
        for server_id in servers:
            await self._store.send(user_id, server_id, message, ttl_s)

    async def _others(self, user_id: UUID) -> set[UUID]:
        """The other servers with a device of this user."""
        return {server_id for _, server_id, _ in await self._store.devices(user_id)} - {self._store.server_id}
