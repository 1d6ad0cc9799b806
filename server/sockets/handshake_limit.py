"""Admission control of handshakes, so that thousands of devices that connect together do not delay running answers."""

from __future__ import annotations

from collections import deque
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Final

import trio

MAX_WAIT_S: Final = 6.0
"""If a handshake has waited this long to begin, new ones are refused: their clients would give up before their turn.

The clients give up after 15 seconds. A shorter wait would refuse more of them, and a refusal costs the server almost as
much as a handshake.
"""


@dataclass(eq=False, slots=True)
class _Waiting:
    since: float
    woken: trio.Event = field(default_factory=trio.Event)


class HandshakeLimit:
    """At most `running` handshakes work at the same time.

    The event loop runs every task that is ready before it returns to the sockets of running answers. So `running`
    bounds how long a token waits. Handshakes that have begun get the next place, before those that have not; each group
    in its order. Hold a place only for work of the server: a peer that sends nothing must not have one.

    The limit is `full` when `waiting` handshakes wait to begin, or one has waited for `MAX_WAIT_S`. Refuse new
    connections then.
    """

    def __init__(self, running: int, waiting: int) -> None:
        self._free = running
        self._max_waiting = waiting
        self._begun: deque[_Waiting] = deque()
        self._new: deque[_Waiting] = deque()

    def __repr__(self) -> str:
        return f"<HandshakeLimit, {self._free} places free, {self.waiting} waiting>"

    @property
    def waiting(self) -> int:
        """The number of handshakes that wait for a place."""
        return len(self._begun) + len(self._new)

    @property
    def full(self) -> bool:
        """Whether no further handshake may wait to begin."""
        if len(self._new) >= self._max_waiting:
            return True
        return bool(self._new) and trio.current_time() - self._new[0].since >= MAX_WAIT_S

    def place(self, *, begun: bool) -> AbstractAsyncContextManager[None]:
        """Wait for a place, and hold it for the length of the block. `begun`: this handshake has had a place before."""
        return _Place(self, begun)

    async def _acquire(self, queue: deque[_Waiting]) -> None:
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._free:
            self._free -= 1
            await trio.lowlevel.cancel_shielded_checkpoint()
            return
        waiting = _Waiting(trio.current_time())
        queue.append(waiting)
        try:
            await waiting.woken.wait()
        except BaseException:
            if waiting.woken.is_set():
                self._release()
            else:
                queue.remove(waiting)
            raise

    def _release(self) -> None:
        """End a place: the next handshake gets it."""
        queue = self._begun or self._new
        if queue:
            queue.popleft().woken.set()
        else:
            self._free += 1


class _Place(AbstractAsyncContextManager[None]):
    """A class, because a generator costs several times as much, and each handshake takes three places."""

    __slots__ = ("_begun", "_limit")

    def __init__(self, limit: HandshakeLimit, begun: bool) -> None:
        self._limit = limit
        self._begun = begun

    async def __aenter__(self) -> None:
        await self._limit._acquire(self._limit._begun if self._begun else self._limit._new)

    async def __aexit__(self, *_: object) -> None:
        self._limit._release()
