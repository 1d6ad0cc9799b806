"""Exchanges that could not be stored before their answers ended: they are stored as soon as memory works again."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
import trio

from sql.transient import is_transient

log = structlog.get_logger(__name__)

_FIRST_DELAY_S: Final = 1.0
_LAST_DELAY_S: Final = 30.0
_HURRIED_DELAY_S: Final = 0.2

Store = Callable[[], Awaitable[bool]]
"""Stores one exchange. It must be idempotent, because it is retried."""


class UnstoredExchanges:
    """A bounded queue in the server's RAM, the oldest first. Start `run` in the server's nursery."""

    def __init__(self, most: int = 500) -> None:
        self._most = most
        self._waiting: deque[Store] = deque()
        self._added = trio.Event()
        self._storing = trio.Lock()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, store: Store) -> bool:
        """Queue an exchange. Returns False if the queue is full: then the exchange is lost."""
        if len(self._waiting) >= self._most:
            return False
        self._waiting.append(store)
        self._added.set()
        return True

    async def run(self) -> None:
        """Store the queued exchanges until cancelled, with growing delays while memory fails."""
        delay_s = _FIRST_DELAY_S
        while True:
            self._added = trio.Event()
            if not self._waiting:
                await self._added.wait()
            if await self._store_first():
                delay_s = _FIRST_DELAY_S
            else:
                await trio.sleep(delay_s)
                delay_s = min(2 * delay_s, _LAST_DELAY_S)

    async def drain(self, within_s: float) -> None:
        """Store what is queued, for at most `within_s` seconds. Logs how many exchanges are lost then."""
        with trio.move_on_after(within_s):
            while self._waiting:
                if not await self._store_first():
                    await trio.sleep(_HURRIED_DELAY_S)
        if self._waiting:
            log.error("memory_exchanges_lost", count=len(self._waiting))

    async def _store_first(self) -> bool:
        """Returns False if it failed and must be tried again."""
        async with self._storing:
            if not self._waiting:
                return True
            # It stays in the queue until it is stored, so a cancellation does not lose it.
            store = self._waiting[0]
            try:
                await store()
            # A boundary: a lasting fault of one exchange ends neither the server nor the others.
            except Exception as error:  # noqa: BLE001
                if is_transient(error):
                    return False
                log.warning("memory_exchanges_lost", count=1, reason=type(error).__name__)
            else:
                log.info("memory_stored_late", waiting=len(self._waiting) - 1)
            self._waiting.popleft()
        return True
