"""Memory around an answer. It never fails one: without memory in time an answer goes on, and the metrics say so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol
from uuid import UUID

import structlog
import trio

from memory import MemoryMiddleware, Recalled, Tier
from server.memory_service.entity_changes import EntityChanges
from server.requests import ChatInput
from server.telemetry import Metrics
from streaming.wire import WsMemoryUsed, WsMutationRecord

_COMMITTED_S: Final = 1.0
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RecalledContext:
    """What an answer is given: `prompt` for the model, `used` for the person, `texts` for storing the exchange."""

    prompt: dict[str, Any] = field(default_factory=dict)
    used: Sequence[WsMemoryUsed] = ()
    texts: Sequence[str] = ()


class AnswerMemory(Protocol):
    """What answering asks of memory. Neither method raises but for cancellation."""

    async def recall(self, user_id: UUID, message: str) -> RecalledContext:
        """What bears on `message`; nothing when it can't be had in time."""
        ...

    async def store(
        self, chat: ChatInput, response: str, agent: str | None, recalled: RecalledContext, asked_at: datetime
    ) -> None:
        """Commit the exchange and the user's changes until now; when this returns they are on disk, or logged as lost.

        Memory that was erased since `asked_at` stays empty of it.
        """
        ...

    def changed(self, user_id: UUID, change: WsMutationRecord) -> bool:
        """The person's entity was changed: commit that soon, in the order of the calls. False: it can't be taken."""
        ...

    async def committed(self, user_id: UUID) -> None:
        """Wait, for a second at most, until what was changed before is committed."""
        ...

    async def forget(self, user_id: UUID, item_id: UUID) -> list[Tier]:
        """Remove one item; where something was removed. This one does raise what the database raises."""
        ...


class MemoryService:
    """`AnswerMemory` on the middleware. `run` it in the server's nursery."""

    def __init__(self, middleware: MemoryMiddleware, metrics: Metrics, *, recall_s: float, store_s: float) -> None:
        self._middleware = middleware
        self._metrics = metrics
        self._recall_s = recall_s
        self._store_s = store_s
        self._changes = EntityChanges(middleware.changed, metrics)

    async def recall(self, user_id: UUID, message: str) -> RecalledContext:
        """See `AnswerMemory`."""
        started = trio.current_time()
        try:
            with trio.fail_after(self._recall_s):
                recalled = await self._middleware.enrich_context(user_id, message)
        except trio.TooSlowError:
            log.warning("memory_recall_failed", reason=f"took over {self._recall_s:g} s")
            self._metrics.recalled("timeout", trio.current_time() - started)
            return RecalledContext()
        # A border: whatever is wrong with memory, the person gets an answer.
        except Exception as error:  # noqa: BLE001
            log.warning("memory_recall_failed", reason=type(error).__name__, detail=str(error))
            self._metrics.recalled("failed", trio.current_time() - started)
            return RecalledContext()
        self._metrics.recalled("ok", trio.current_time() - started)
        return _context(recalled)

    async def store(
        self, chat: ChatInput, response: str, agent: str | None, recalled: RecalledContext, asked_at: datetime
    ) -> None:
        """See `AnswerMemory`."""
        try:
            with trio.fail_after(self._store_s):
                await self._changes.written(chat.user_id)
                await self._middleware.store_episode(
                    chat.user_id,
                    chat.conversation_id,
                    chat.message,
                    response,
                    chat.request_id,
                    agent=agent,
                    recalled=recalled.texts,
                    at=asked_at,
                )
        except trio.TooSlowError:
            log.warning("memory_store_failed", reason=f"took over {self._store_s:g} s")
            self._metrics.stored("timeout")
        # A border: the person has their answer, and it ends as it should.
        except Exception as error:  # noqa: BLE001
            log.warning("memory_store_failed", reason=type(error).__name__, detail=str(error))
            self._metrics.stored("failed")
        else:
            self._metrics.stored("ok")

    def changed(self, user_id: UUID, change: WsMutationRecord) -> bool:
        """See `AnswerMemory`."""
        return self._changes.take(user_id, change)

    async def committed(self, user_id: UUID) -> None:
        """See `AnswerMemory`."""
        with trio.move_on_after(_COMMITTED_S):
            await self._changes.written(user_id)

    async def forget(self, user_id: UUID, item_id: UUID) -> list[Tier]:
        """See `AnswerMemory`."""
        return await self._middleware.forget(user_id, item_id)

    @property
    def waiting(self) -> int:
        """Changed entities that are yet to be remembered."""
        return len(self._changes)

    async def run(self) -> None:
        """Commit changed entities, and enrich what is stored; for ever."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._middleware.enrichment.run)
            nursery.start_soon(self._changes.run)

    async def drain(self, within_s: float) -> None:
        """Commit what was taken, before the server ends. What is left undone of enrichment, another server does."""
        await self._changes.drain(within_s)


class NoMemory:
    """`AnswerMemory` that holds nothing: for a pipeline without a database."""

    async def recall(self, user_id: UUID, message: str) -> RecalledContext:
        """Nothing."""
        del user_id, message
        return RecalledContext()

    async def store(
        self, chat: ChatInput, response: str, agent: str | None, recalled: RecalledContext, asked_at: datetime
    ) -> None:
        """Nothing."""

    def changed(self, user_id: UUID, change: WsMutationRecord) -> bool:
        """Nothing."""
        del user_id, change
        return True

    async def committed(self, user_id: UUID) -> None:
        """Nothing waits."""
        del user_id

    async def forget(self, user_id: UUID, item_id: UUID) -> list[Tier]:
        """Nothing is there to be removed."""
        del user_id, item_id
        return []


def _context(recalled: Recalled) -> RecalledContext:
    used = [WsMemoryUsed(id=item.id, tier=item.tier, reason=item.reason) for item in recalled.used()]
    return RecalledContext(recalled.prompt(), used, recalled.texts())
