"""Admission of chat requests: every check that decides whether a request runs, in one place.

Admission has two parts that work on one `Reservation`. `Admission.reserve` checks what this process knows and
takes the request id. `Reservation.confirm` checks what the database knows. A refusal in either part gives the id back,
so that a retry with the same id runs, and is counted and logged as `refused`. The id stays used only once the request
has begun.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import Final
from uuid import UUID

import structlog
import trio

from server.models import TokenSpending
from server.requests import AnswerLimits, ChatInput, DuplicateRequest, RequestClaims, RequestRefused
from server.telemetry import LogRate, Metrics
from streaming.wire import ErrorCode

log = structlog.get_logger(__name__)

_MAX_REMEMBERED: Final = 200_000


class RequestIds:
    """The ids of running requests, and of those that ended within `remembered_s` seconds, by user. Pure.

    `now` is a monotonic time in seconds. Past `limit` ended ids, the oldest is forgotten early.
    """

    def __init__(self, remembered_s: float, limit: int = _MAX_REMEMBERED) -> None:
        self._remembered_s = remembered_s
        self._limit = limit
        self._running: set[tuple[UUID, UUID]] = set()
        self._ended: OrderedDict[tuple[UUID, UUID], float] = OrderedDict()

    def used(self, user_id: UUID, request_id: UUID, now: float) -> bool:
        """Whether the id is in use, or was used within `remembered_s`."""
        self._forget(now)
        key = (user_id, request_id)
        return key in self._running or key in self._ended

    def take(self, user_id: UUID, request_id: UUID, now: float) -> bool:
        """Take an id into use. Returns False if it is used."""
        if self.used(user_id, request_id, now):
            return False
        self._running.add((user_id, request_id))
        return True

    def give_back(self, user_id: UUID, request_id: UUID) -> None:
        """Nothing ran under this id: it can be used again now."""
        self._running.discard((user_id, request_id))

    def finish(self, user_id: UUID, request_id: UUID, now: float) -> None:
        """The request has ended. Its id stays used for `remembered_s`."""
        key = (user_id, request_id)
        self._running.discard(key)
        self._ended[key] = now + self._remembered_s
        self._forget(now)

    def _forget(self, now: float) -> None:
        while self._ended:
            key, until = next(iter(self._ended.items()))
            if until > now and len(self._ended) <= self._limit:
                return
            del self._ended[key]


class Admission:
    """Decides which requests of this process run. Without `claims`, request ids are not shared with other servers."""

    def __init__(
        self, limits: AnswerLimits, spending: TokenSpending, metrics: Metrics, claims: RequestClaims | None = None
    ) -> None:
        self.limits = limits
        self.spending = spending
        self.metrics = metrics
        self.claims = claims
        self.ids = RequestIds(limits.remembered_s)
        self.running: Counter[UUID] = Counter()
        """Reserved and running requests, by source."""
        self.of_user: Counter[UUID] = Counter()
        """Reserved and running requests, by user."""
        self._logged = LogRate()
        self._draining = False

    def drain(self) -> None:
        """Refuse every further request."""
        self._draining = True

    def reserve(self, chat: ChatInput, source: UUID) -> Reservation:
        """The synchronous part. Raises `RequestRefused`. The caller must `close` the reservation in every case.

        `source` is what `AnswerLimits.concurrent` applies to: a socket's session, or the user of REST requests.
        """
        try:
            self._check(chat, source)
        except RequestRefused as refused:
            self.refused(chat, refused)
            raise
        self.ids.take(chat.user_id, chat.request_id, trio.current_time())
        self.running[source] += 1
        self.of_user[chat.user_id] += 1
        return Reservation(self, chat, source)

    def _check(self, chat: ChatInput, source: UUID) -> None:
        limits = self.limits
        if self._draining:
            raise RequestRefused(ErrorCode.SERVER_DRAINING, "The server is stopping; try again.", retryable=True)
        if len(chat.message) > limits.max_message_chars:
            message = f"The message has {len(chat.message)} characters; the limit is {limits.max_message_chars}."
            raise RequestRefused(ErrorCode.MESSAGE_TOO_LONG, message)
        # Checked before the limits below: a client that sends the id of its running request again must not read that
        # the request was refused.
        if self.ids.used(chat.user_id, chat.request_id, trio.current_time()):
            raise DuplicateRequest
        self.spending.check(chat.user_id)
        if self.running[source] >= limits.concurrent:
            message = f"At most {limits.concurrent} requests run at the same time; wait until one has ended."
            raise RequestRefused(ErrorCode.TOO_MANY_REQUESTS, message, retryable=True)
        if self.of_user[chat.user_id] >= limits.per_user:
            raise _too_many_of_user(limits.per_user)

    def refused(self, chat: ChatInput, refused: RequestRefused) -> None:
        """Count and log a refusal."""
        self.metrics.request_refused(chat.mode)
        cause = f"{chat.user_id} {refused.code}"
        request_id = str(chat.request_id)
        self._logged.log(log.info, "request_refused", cause, request_id=request_id, mode=chat.mode, code=refused.code)


def _too_many_of_user(limit: int) -> RequestRefused:
    message = (
        f"At most {limit} requests of one account run at the same time, on all its devices together;"
        " wait until one has ended."
    )
    return RequestRefused(ErrorCode.TOO_MANY_REQUESTS, message, retryable=True)


class Reservation:
    """One request's hold on its id and on a place among the running requests of its source."""

    def __init__(self, admission: Admission, chat: ChatInput, source: UUID) -> None:
        self._admission = admission
        self._chat = chat
        self._source = source
        self.entry = admission.spending.entry(chat.user_id)
        """What the request takes of its user's token budget."""
        self._claimed = False
        self._changing = False
        self._begun = False
        self._closed = False

    async def confirm(self) -> None:
        """The asynchronous part: returns when the request may begin. Call it once.

        Raises `RequestRefused` when another server has the id or the user has spent today's tokens. After a refusal or
        a cancellation the id is free again, here and at the other servers.
        """
        admission, chat = self._admission, self._chat
        await trio.lowlevel.checkpoint_if_cancelled()
        try:
            await self._check()
            self._begun = True
        except RequestRefused as refused:
            admission.refused(chat, refused)
            raise
        # The boundary of one request: a fault before it began refuses this request and touches no other.
        except Exception as error:
            log.exception("request_admission_failed", request_id=str(chat.request_id))
            message = "The server failed before it began this request; the fault is logged. Try again."
            refusal = RequestRefused(ErrorCode.INTERNAL, message, retryable=True)
            admission.refused(chat, refusal)
            raise refusal from error
        finally:
            if not self._begun:
                await self._give_back()

    async def _check(self) -> None:
        admission, chat = self._admission, self._chat
        if admission.claims is not None:
            kept_s = admission.limits.request_s + admission.limits.remembered_s
            outcome = await admission.claims.claim(chat, kept_s)
            if outcome == "taken":
                raise DuplicateRequest
            if outcome == "too_many":
                raise _too_many_of_user(admission.limits.per_user)
            self._claimed = True
            await trio.lowlevel.checkpoint_if_cancelled()
        await admission.spending.admit(self.entry)

    async def changing(self) -> bool:
        """Record, before the first call that may change data, that the request may have changed some.

        Returns False if other servers treat the request as failed, or may soon: then it must change nothing.
        """
        claims = self._admission.claims
        if self._changing or claims is None:
            await trio.lowlevel.checkpoint()
            return True
        self._changing = await claims.changing(self._chat)
        return self._changing

    async def _give_back(self) -> None:
        admission, chat = self._admission, self._chat
        if self._claimed and admission.claims is not None:
            with trio.CancelScope(shield=True):
                await admission.claims.release(chat)
        admission.ids.give_back(chat.user_id, chat.request_id)

    def close(self) -> None:
        """The request has ended or was refused. A second call does nothing."""
        if self._closed:
            return
        self._closed = True
        admission, chat = self._admission, self._chat
        if self._begun:
            admission.ids.finish(chat.user_id, chat.request_id, trio.current_time())
        else:
            admission.ids.give_back(chat.user_id, chat.request_id)
        # Also if it was refused: the router may have been asked before.
        admission.spending.close(self.entry)
        for counter, key in ((admission.running, self._source), (admission.of_user, chat.user_id)):
            counter[key] -= 1
            if not counter[key]:
                del counter[key]
