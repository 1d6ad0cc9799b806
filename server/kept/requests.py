"""Admits request ids in the database, and keeps the results of ended requests there.

A failure of the database or of the user's key never fails an answer: it is logged and counted, and the answer is not
kept.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final, Literal, Protocol
from uuid import UUID, uuid4

import structlog
import trio
from pydantic import ValidationError

from memory import NoSuchUser
from memory.delivery import ChangeLog, DeviceRecord, KeptAnswers, KeptRequest
from server.requests import ChatInput, ListedRequest, NotListed, fingerprint
from server.sessions import KeptAnswer
from server.telemetry import Metrics
from streaming.wire import ErrorCode, WsFailure, WsMutationRecord, WsRequestResult

log = structlog.get_logger(__name__)

_WITHIN_S: Final = 3.0
_TOO_LARGE: Final = WsFailure(
    code=ErrorCode.LOG_OVERFLOW,
    message="The answer has ended, but it is too large to be kept. Its changes are listed.",
    retryable=False,
)
_LOST: Final = "The server that ran this request is gone."


class Servers(Protocol):
    """The servers of the database; `server.presence.Presence` knows them."""

    @property
    def server_id(self) -> UUID: ...

    @property
    def alone(self) -> bool:
        """Whether no other server is known to run."""
        ...

    async def is_lost(self, server_id: UUID) -> bool:
        """Whether this other server is gone. Raises the database's errors."""
        ...


class KeptRequests:
    """Implements `server.requests.RequestClaims` and `server.sessions.KeptAnswers`."""

    def __init__(
        self,
        answers: KeptAnswers,
        changes: ChangeLog,
        metrics: Metrics,
        *,
        servers: Servers,
        keep_s: float,
        per_user: int = 16,
    ) -> None:
        """`changes` has the changes of a request whose server is gone.

        `keep_s`: seconds for which a result is kept after its request has ended.
        `per_user`: running requests of one user at all servers together.
        """
        self._answers = answers
        self._changes = changes
        self._metrics = metrics
        self._keep_s = keep_s
        self._servers = servers
        self._server_id = servers.server_id
        self._per_user = per_user
        # The claims of the requests that run here.
        self._claims: dict[tuple[UUID, UUID], UUID] = {}
        # Those of which it is not known whether the database has them.
        self._unknown: set[UUID] = set()
        # Requests whose kept result is being amended: changes that become known at the same time are added one by one.
        self._amended: dict[tuple[UUID, UUID], trio.Lock] = {}

    def __repr__(self) -> str:
        return f"<KeptRequests of {self._server_id}: {len(self._claims)} running>"

    # ---- as admission sees it ---------------------------------------------------------------------------------------

    async def claim(self, chat: ChatInput, ttl_s: float) -> Literal["claimed", "taken", "too_many", "unknown"]:
        """See `server.requests.RequestClaims`. Takes at most three seconds, then returns `unknown`."""
        claim = uuid4()
        try:
            with trio.fail_after(_WITHIN_S, shield=True):
                place = (chat.user_id, chat.request_id)
                elsewhere = await self._claim(*place, chat.device_id, fingerprint(chat), claim, ttl_s)
                too_many = bool(elsewhere) and await self._too_many(chat.user_id, elsewhere or {})
        # A boundary: a request whose id can't be looked up is answered. This server still knows the ids it has seen.
        except Exception as error:  # noqa: BLE001
            log.warning("request_claim_failed", reason=type(error).__name__, detail=str(error))
            # The row may have been written nevertheless: only this claim can end it.
            self._claims[chat.user_id, chat.request_id] = claim
            self._unknown.add(claim)
            return "unknown"
        if elsewhere is None:
            return "taken"
        self._claims[chat.user_id, chat.request_id] = claim
        if too_many:
            with trio.CancelScope(shield=True):
                await self.release(chat)
            return "too_many"
        return "claimed"

    async def _too_many(self, user_id: UUID, elsewhere: Mapping[UUID, int]) -> bool:
        """Whether the user's requests here, with one more, and those at other servers that live are too many."""
        running = 1 + sum(owner == user_id for owner, _ in self._claims)
        if running + sum(elsewhere.values()) <= self._per_user:
            return False
        for server_id, count in elsewhere.items():
            if not await self._servers.is_lost(server_id):
                running += count
        return running > self._per_user

    async def _claim(
        self, user_id: UUID, request_id: UUID, device_id: UUID | None, digest: bytes, claim: UUID, ttl_s: float
    ) -> Mapping[UUID, int] | None:
        return await self._answers.claim(user_id, request_id, claim, self._server_id, device_id, digest.hex(), ttl_s)

    async def release(self, chat: ChatInput) -> None:
        """See `server.requests.RequestClaims`. If the database can't be reached, the claim ends with its time."""
        claim = self._claims.pop((chat.user_id, chat.request_id), None)
        if claim is None or claim in self._unknown:
            self._unknown.discard(claim)
            return
        try:
            with trio.fail_after(_WITHIN_S):
                await self._answers.release(chat.user_id, chat.request_id, claim)
        # A boundary: the refusal that follows is told in any case.
        except Exception as error:  # noqa: BLE001
            log.warning("request_release_failed", reason=type(error).__name__, detail=str(error))

    async def changing(self, chat: ChatInput) -> bool:
        """See `server.requests.RequestClaims`.

        Without the database, a change is made only if no other server is known to run: another one may soon treat this
        server as gone, and tell the client that nothing was changed and that it may try again.
        """
        claim = self._claims.get((chat.user_id, chat.request_id))
        if claim is None:
            await trio.lowlevel.checkpoint()
            return True
        try:
            with trio.fail_after(_WITHIN_S):
                if claim in self._unknown:
                    place = (chat.user_id, chat.request_id)
                    if await self._claim(*place, chat.device_id, fingerprint(chat), claim, self._keep_s) is None:
                        return False
                    self._unknown.discard(claim)
                return await self._answers.changing(chat.user_id, chat.request_id, claim)
        # A boundary: the request goes on. If it may change data, its row says so at its end.
        except Exception as error:  # noqa: BLE001
            log.warning("request_changed_failed", reason=type(error).__name__, detail=str(error))
            return self._servers.alone

    # ---- as sessions see it -----------------------------------------------------------------------------------------

    async def keep(self, answer: KeptAnswer) -> bool:
        """See `server.sessions.KeptAnswers`."""
        result = answer.result
        place = (answer.user_id, result.request_id)
        claim, state = self._claims.get(place), result.status
        if claim is None or state == "running":
            self._metrics.answer_kept("gone")
            return True
        unknown = claim in self._unknown
        body = result.model_dump(mode="json", exclude_none=True, exclude={"seq", "type"})
        try:
            with trio.fail_after(_WITHIN_S):
                if unknown and await self._claim_late(answer, claim) is None:
                    self._claims.pop(place, None)
                    self._unknown.discard(claim)
                    self._metrics.answer_kept("gone")
                    return True
                outcome = await self._answers.end(
                    *place,
                    claim,
                    state,
                    changed=bool(result.mutations),
                    digest=answer.fingerprint.hex(),
                    result=body,
                    ttl_s=self._keep_s,
                )
        except NoSuchUser:
            self._claims.pop(place, None)
            self._unknown.discard(claim)
            self._metrics.answer_kept("gone")
            raise
        # A boundary: the client gets its answer also if it can't be kept.
        except Exception as error:  # noqa: BLE001
            log.warning("answer_keep_failed", reason=type(error).__name__, detail=str(error))
            self._metrics.answer_kept("failed")
            return False
        self._claims.pop(place, None)
        self._unknown.discard(claim)
        self._metrics.answer_kept(outcome)
        if outcome != "kept":
            log.warning("answer_not_kept", reason=outcome, request_id=str(result.request_id))
        return True

    async def _claim_late(self, answer: KeptAnswer, claim: UUID) -> Mapping[UUID, int] | None:
        place = (answer.user_id, answer.result.request_id)
        return await self._claim(*place, answer.device_id, answer.fingerprint, claim, self._keep_s)

    async def erased(self, user_id: UUID, request_ids: Collection[UUID]) -> set[UUID]:
        """See `server.sessions.KeptAnswers`."""
        try:
            with trio.fail_after(_WITHIN_S):
                return await self._answers.erased(user_id, request_ids)
        # A boundary: without the database nothing can be erased from it.
        except Exception as error:  # noqa: BLE001
            log.warning("answers_list_failed", reason=type(error).__name__, detail=str(error))
            return set()

    async def amend(self, user_id: UUID, request_id: UUID, change: WsMutationRecord) -> None:
        """See `server.sessions.KeptAnswers`."""
        place = user_id, request_id
        lock = self._amended.setdefault(place, trio.Lock())
        try:
            async with lock:
                await self._amend(user_id, request_id, change)
        finally:
            if not lock.locked():
                self._amended.pop(place, None)

    async def _amend(self, user_id: UUID, request_id: UUID, change: WsMutationRecord) -> None:
        try:
            with trio.fail_after(_WITHIN_S):
                while not await self._amended_once(user_id, request_id, change):
                    pass  # another server has added a change meanwhile
        # A boundary: the change is in the log of changes, which the person's devices read.
        except Exception as error:  # noqa: BLE001
            log.warning("answer_amend_failed", reason=type(error).__name__, request_id=str(request_id))

    async def _amended_once(self, user_id: UUID, request_id: UUID, change: WsMutationRecord) -> bool:
        kept = await self._read(user_id, request_id)
        answer = None if kept is None else await self._answer(user_id, kept)
        if kept is None or answer is None or kept.state == "running":
            return True
        if kept.result is None and change in answer.result.mutations:
            return True  # its server is gone, and the log of changes has this change already
        body = answer.amended(change).result.model_dump(mode="json", exclude_none=True, exclude={"seq", "type"})
        return await self._answers.amend(user_id, kept, body, self._keep_s)

    async def find(self, user_id: UUID, request_id: UUID) -> KeptAnswer | None:
        """See `server.sessions.KeptAnswers`. A request of a server that is gone has failed with `server_lost`.

        A request that runs at another server is returned as running, without its blocks and with its `server_id`.
        """
        try:
            with trio.fail_after(_WITHIN_S):
                kept = await self._read(user_id, request_id)
                return None if kept is None else await self._answer(user_id, kept)
        # A boundary: without the database only the answers in this process's memory are known.
        except Exception as error:  # noqa: BLE001
            log.warning("answer_find_failed", reason=type(error).__name__, detail=str(error))
            return None

    async def _read(self, user_id: UUID, request_id: UUID) -> KeptRequest | None:
        """The row of a request. If the server that ran it is gone, the request has failed."""
        kept = await self._answers.read(user_id, request_id)
        if kept is None or kept.digest is None or kept.state != "running" or kept.server_id == self._server_id:
            return kept
        return (await self._answers.read(user_id, request_id) or kept) if await self._is_lost(user_id, kept) else kept

    async def _answer(self, user_id: UUID, kept: KeptRequest) -> KeptAnswer | None:
        if kept.digest is None:
            return None
        server_id = None
        if kept.state == "running":
            status = WsRequestResult(request_id=kept.request_id, status="running")
            server_id = kept.server_id if kept.server_id != self._server_id else None
        elif kept.result is not None:
            try:
                status = WsRequestResult.model_validate(dict(kept.result))
            except ValidationError:
                log.warning("answer_unreadable", request_id=str(kept.request_id))
                return None
            if kept.too_large:
                # Not "completed" without its blocks. The changes are listed in any case.
                status = status.model_copy(update={"status": "failed", "error": _TOO_LARGE})
        elif kept.state == "failed" and not kept.too_large:
            return _lost(user_id, kept, await self._made(user_id, kept.request_id))
        else:
            return None
        return KeptAnswer(user_id, kept.device_id, bytes.fromhex(kept.digest), status, 0, server_id)

    async def _made(self, user_id: UUID, request_id: UUID) -> list[WsMutationRecord]:
        """What a request of a lost server has changed: the log of changes has each change that was acknowledged."""
        made = await self._changes.of_request(user_id, request_id)
        return [WsMutationRecord.model_validate(change.body) for change in made]

    async def _is_lost(self, user_id: UUID, kept: KeptRequest) -> bool:
        """Whether the request's server is gone. Its end is then recorded, so that it stays failed."""
        if not await self._servers.is_lost(kept.server_id):
            return False
        await self._answers.lost(user_id, kept, self._keep_s)
        return True

    async def page(self, user_id: UUID, limit: int, before: tuple[datetime, UUID] | None) -> list[ListedRequest]:
        """See `server.requests.KnownRequests`."""
        found = []
        try:
            with trio.fail_after(_WITHIN_S):
                for row in await self._answers.page(user_id, limit, before):
                    kept, state, reason = row.request, row.request.state, None
                    if state == "running" and kept.server_id != self._server_id and await self._is_lost(user_id, kept):
                        state, reason = "failed", ErrorCode.SERVER_LOST
                    one = ListedRequest(kept.request_id, state, reason, kept.device_id, row.created_at, row.ended_at)
                    found.append(one)
        # A boundary: an incomplete list would say that requests are not known.
        except Exception as error:
            log.warning("requests_list_failed", reason=type(error).__name__, detail=str(error))
            raise NotListed from error
        return found

    async def of_device(self, user_id: UUID, device_id: UUID, record: DeviceRecord) -> list[KeptAnswer]:
        """See `server.sessions.KeptAnswers`. The answers have no contents: only id, status and the error's code."""
        found, elsewhere = [], []
        for kept in record.requests:
            if kept.state != "running":
                status = WsRequestResult(request_id=kept.request_id, status=kept.state)
                found.append(KeptAnswer(user_id, device_id, b"", status, 0))
            elif kept.server_id != self._server_id:
                elsewhere.append(kept)
        if not elsewhere:
            return found
        try:
            with trio.fail_after(_WITHIN_S):
                for kept in elsewhere:
                    if await self._is_lost(user_id, kept):
                        found.append(_lost(user_id, kept))
                    else:
                        status = WsRequestResult(request_id=kept.request_id, status="running")
                        found.append(KeptAnswer(user_id, device_id, b"", status, 0, kept.server_id))
        # A boundary: the device connects also if it is not known whether a server is gone.
        except Exception as error:  # noqa: BLE001
            log.warning("answers_list_failed", reason=type(error).__name__, detail=str(error))
        return found


def _lost(user_id: UUID, kept: KeptRequest, made: Sequence[WsMutationRecord] = ()) -> KeptAnswer:
    changed = kept.changed or bool(made)
    advice = " It may have changed data: check your items before you ask again." if changed else " Try again."
    message = _LOST + advice
    failure = WsFailure(code=ErrorCode.SERVER_LOST, message=message, retryable=not changed)
    result = WsRequestResult(request_id=kept.request_id, status="failed", mutations=list(made), error=failure)
    return KeptAnswer(user_id, kept.device_id, bytes.fromhex(kept.digest or ""), result, 0)
