"""Recall before an answer and storage after it. A failure of memory never fails an answer; it is logged and counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final, Protocol
from uuid import UUID

import structlog
import trio

from memory import Forgotten, MemoryMiddleware, QuotaReached, Recalled
from person import Calendar, Sentences, StatedLocale
from server.memory_service.conversation import UNREAD, ConversationContext, context_of
from server.memory_service.entity_changes import ChangeSource, EntityChanges, Logged
from server.memory_service.obedience import Obeyed, obey
from server.memory_service.unstored import Store, UnstoredExchanges
from server.requests import ChatInput
from server.telemetry import LogRate, Metrics
from sql.transient import is_transient
from streaming.wire import ErrorCode, WsFailure, WsMemoryUsed, WsMutationRecord

log = structlog.get_logger(__name__)

_CHANGES_SHARE: Final = 0.5
"""The part of the time to store an exchange in which earlier changes of entities are waited for."""

_COUNT_S: Final = 1.0
"""Time that the end of an answer waits until the user's memories are counted. After that, the exchange is stored."""


@dataclass(frozen=True, slots=True)
class RecalledContext:
    """Recalled memory: `prompt` is for the model, `used` for the person, `texts` for storing the exchange."""

    recalled: Recalled = field(default_factory=Recalled)
    texts: Sequence[str] = ()

    @property
    def preferences(self) -> Mapping[str, Any]:
        """The person's preferences in core memory, by name."""
        return self.recalled.preferences()

    def used(self, sentences: Sentences) -> list[WsMemoryUsed]:
        """The recalled items, each with its text and the reason in the person's language."""
        return [
            WsMemoryUsed(id=item.id, tier=item.tier, reason=item.reason, text=item.text)
            for item in self.recalled.used(sentences)
        ]

    def prompt(self, calendar: Calendar) -> dict[str, Any]:
        """The data for the prompt, with times in the person's time zone."""
        return self.recalled.prompt(calendar.zone)


class AnswerMemory(Protocol):
    """What the answer pipeline needs from memory. Except for `forget`, methods raise only `Cancelled`."""

    async def obey(self, chat: ChatInput, sentences: Sentences) -> Obeyed:
        """Do what the message asks of memory itself: forget something, or not store the exchange.

        The note about it is one of `sentences`.
        """
        ...

    async def recall(
        self,
        user_id: UUID,
        message: str,
        locales: Sequence[StatedLocale] = (),
        conversation_id: str | None = None,
    ) -> RecalledContext:
        """The memory that is relevant for `message` in this conversation; empty if recall fails or takes too long.

        `locales`: what the request and its device say about the person's time zone.
        """
        ...

    async def conversation(self, user_id: UUID, conversation_id: str) -> ConversationContext:
        """The last exchanges of a conversation; `UNREAD` if that fails or takes too long."""
        ...

    async def quota_reached(self, user_id: UUID) -> WsFailure | None:
        """Why an exchange of this user must not be stored; None if it may be, or if that can't be found out."""
        ...

    def change_refused(self, user_id: UUID) -> WsFailure | None:
        """Why a new or changed item of this user must not be stored, by the last count. Does not wait."""
        ...

    async def store(
        self,
        chat: ChatInput,
        response: str,
        agent: str | None,
        recalled: RecalledContext,
        asked_at: datetime,
        *,
        complete: bool = True,
        time_zone: str | None = None,
        facts: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """Store the user's earlier changes, then the exchange. On return they are on disk, or a failure is logged.

        It can't be cancelled. An exchange that memory can't take now is queued and stored later. The changes are waited
        for only for a part of the time.

        An exchange that was asked at `asked_at` is not stored if the user's memory was erased after that. `complete`:
        the model finished the response. `time_zone`: the person's, an IANA name; None if it is not known. `facts`: what
        the answer showed and changed in addition to its text.
        """
        ...

    def changed(self, user_id: UUID, change: WsMutationRecord, source: ChangeSource, logged: Logged) -> bool:
        """Queue a change of an entity; changes are stored in call order. Returns False if the queue is full.

        `logged` is called when the change is committed, with its number in the log of changes, or with None if it can't
        be stored. It must not raise.
        """
        ...

    async def forget(self, user_id: UUID, item_id: UUID, *, preview: bool = False) -> Forgotten:
        """Remove one item; returns what was removed. `preview`: only say what would be removed.

        Raises what the database raises.
        """
        ...


class MemoryService:
    """`AnswerMemory` on the middleware. `run` it in the server's nursery."""

    def __init__(
        self,
        middleware: MemoryMiddleware,
        metrics: Metrics,
        *,
        recall_s: float,
        store_s: float,
        conversation_tokens: int,
    ) -> None:
        """`conversation_tokens`: how much of a conversation a follow-up is answered with."""
        self._middleware = middleware
        self._metrics = metrics
        self._recall_s = recall_s
        self._store_s = store_s
        self._conversation_tokens = conversation_tokens
        self._changes = EntityChanges(middleware.changed, metrics)
        self._unstored = UnstoredExchanges()
        self._logged = LogRate()

    async def obey(self, chat: ChatInput, sentences: Sentences) -> Obeyed:
        """See `AnswerMemory`."""
        return await obey(self._middleware, chat, sentences)

    async def recall(
        self,
        user_id: UUID,
        message: str,
        locales: Sequence[StatedLocale] = (),
        conversation_id: str | None = None,
    ) -> RecalledContext:
        """See `AnswerMemory`."""
        started = trio.current_time()
        try:
            with trio.fail_after(self._recall_s):
                recalled = await self._middleware.enrich_context(
                    user_id, message, locales, conversation_id=conversation_id
                )
        except trio.TooSlowError:
            log.warning("memory_recall_failed", reason=f"took over {self._recall_s:g} s")
            self._metrics.recalled("timeout", trio.current_time() - started)
            return RecalledContext()
        # A boundary: the person gets an answer even if memory fails.
        except Exception as error:  # noqa: BLE001
            log.warning("memory_recall_failed", reason=type(error).__name__, detail=str(error))
            self._metrics.recalled("failed", trio.current_time() - started)
            return RecalledContext()
        self._metrics.recalled("ok", trio.current_time() - started)
        return _context(recalled)

    async def conversation(self, user_id: UUID, conversation_id: str) -> ConversationContext:
        """See `AnswerMemory`."""
        if not self._conversation_tokens:
            return ConversationContext()
        try:
            with trio.fail_after(self._recall_s):
                earlier = await self._middleware.earlier(user_id, conversation_id, self._conversation_tokens)
        except trio.TooSlowError:
            log.warning("conversation_read_failed", reason=f"took over {self._recall_s:g} s")
            self._metrics.conversation_read("timeout")
            return UNREAD
        # A boundary: the person gets an answer, which says that the conversation could not be read.
        except Exception as error:  # noqa: BLE001
            log.warning("conversation_read_failed", reason=type(error).__name__, detail=str(error))
            self._metrics.conversation_read("failed")
            return UNREAD
        self._metrics.conversation_read("ok")
        return context_of(earlier)

    async def quota_reached(self, user_id: UUID) -> WsFailure | None:
        """See `AnswerMemory`."""
        try:
            if not self._middleware.quota.check_counted(user_id):
                # Shielded like `store`, which follows: a cancellation does not reach a finished answer.
                with trio.fail_after(_COUNT_S, shield=True):
                    await self._middleware.quota.check(user_id)
        except QuotaReached as reached:
            log.info("memory_quota_reached", user_id=str(user_id), what="exchange")
            self._metrics.stored("quota_reached")
            return _failure(reached)
        # A boundary: if it can't be counted, the exchange is stored.
        except Exception as error:  # noqa: BLE001
            log.warning("memory_count_failed", reason=type(error).__name__)
        return None

    def change_refused(self, user_id: UUID) -> WsFailure | None:
        """See `AnswerMemory`."""
        reached = self._middleware.quota.refusal(user_id)
        if reached is None:
            return None
        self._logged.log(log.info, "memory_quota_reached", str(user_id), user_id=str(user_id), what="item")
        self._metrics.entity_remembered("refused")
        return _failure(reached)

    async def store(
        self,
        chat: ChatInput,
        response: str,
        agent: str | None,
        recalled: RecalledContext,
        asked_at: datetime,
        *,
        complete: bool = True,
        time_zone: str | None = None,
        facts: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """See `AnswerMemory`."""
        store = partial(
            self._middleware.store_episode,
            chat.user_id,
            chat.conversation_id,
            chat.message,
            response,
            chat.request_id,
            agent=agent,
            recalled=recalled.texts,
            at=asked_at,
            complete=complete,
            time_zone=time_zone,
            facts=facts,
            popup=chat.mode == "popup",
        )
        try:
            # A cancellation does not reach a finished answer: it would be lost.
            with trio.fail_after(self._store_s, shield=True):
                if self._changes.any_waits(chat.user_id):
                    # The changes usually come first. A large sync must not use up the time of the exchange.
                    with trio.move_on_after(self._store_s * _CHANGES_SHARE):
                        await self._changes.written(chat.user_id)
                await store()
        except trio.TooSlowError:
            self._store_later(store, f"took over {self._store_s:g} s")
            self._metrics.stored("timeout")
        # A boundary: the person already has the answer, and it must end normally.
        except Exception as error:  # noqa: BLE001
            if is_transient(error):
                self._store_later(store, type(error).__name__)
            else:
                log.warning("memory_store_failed", reason=type(error).__name__, detail=str(error))
            self._metrics.stored("failed")
        else:
            self._metrics.stored("ok")

    def _store_later(self, store: Store, reason: str) -> None:
        queued = self._unstored.add(store)
        log.warning("memory_store_failed", reason=reason, queued=queued)

    def changed(self, user_id: UUID, change: WsMutationRecord, source: ChangeSource, logged: Logged) -> bool:
        """See `AnswerMemory`."""
        return self._changes.take(user_id, change, source, logged)

    async def forget(self, user_id: UUID, item_id: UUID, *, preview: bool = False) -> Forgotten:
        """See `AnswerMemory`."""
        forget = self._middleware.preview_forgetting if preview else self._middleware.forget
        return await forget(user_id, item_id)

    @property
    def waiting(self) -> int:
        """Number of entity changes that are not yet stored."""
        return len(self._changes)

    async def run(self) -> None:
        """Store entity changes and enrich stored exchanges until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._middleware.enrichment.run)
            nursery.start_soon(self._middleware.quota.run)
            nursery.start_soon(self._changes.run)
            nursery.start_soon(self._unstored.run)

    async def drain(self, within_s: float) -> None:
        """Store the queued entity changes and exchanges before the server ends, each for at most `within_s` seconds.

        Enrichment is not waited for: it continues later.
        """
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._unstored.drain, within_s)
            nursery.start_soon(self._changes.drain, within_s)


def _failure(reached: QuotaReached) -> WsFailure:
    return WsFailure(code=ErrorCode.QUOTA_REACHED, message=str(reached), retryable=False)


def _context(recalled: Recalled) -> RecalledContext:
    return RecalledContext(recalled, recalled.texts())
