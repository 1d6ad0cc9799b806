"""Requests that come without a socket, over REST: run once per id, and kept like those of sessions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

import trio

from server.answers import AnswerPipeline
from server.requests import ChatInput, DuplicateRequest, Emit, fingerprint
from server.sessions.kept import KeptAnswer, KeptAnswers
from server.sessions.request_log import RequestLog
from streaming.wire import (
    AnswerFrame,
    StreamText,
    WsPopupDomain,
    WsRequestResult,
    WsStreamBlock,
    WsStreamEnd,
    WsStreamStart,
    WsStreamText,
)


@dataclass(slots=True)
class _Running:
    fingerprint: bytes
    log: RequestLog
    ended: trio.Event = field(default_factory=trio.Event)


class RestRequests:
    """Implements `server.requests.ChatRunner`. An id that is sent again returns the answer that it had."""

    def __init__(self, pipeline: AnswerPipeline, kept: KeptAnswers, log_bytes: int) -> None:
        self._pipeline = pipeline
        self._kept = kept
        self._log_bytes = log_bytes
        self._running: dict[tuple[UUID, UUID], _Running] = {}

    def result(self, user_id: UUID, request_id: UUID) -> WsRequestResult | None:
        """The answer so far of a request that runs here; None if there is none."""
        running = self._running.get((user_id, request_id))
        return None if running is None else running.log.result()

    async def run(self, request: ChatInput, *, emit: Emit) -> WsStreamEnd:
        """See `server.requests.ChatRunner`. Waits for a request with the same id and message that runs here."""
        place = (request.user_id, request.request_id)
        before = self._running.get(place)
        if before is not None:
            if before.fingerprint != fingerprint(request):
                raise DuplicateRequest
            await before.ended.wait()
            return await self._again(request, emit)
        running = self._running[place] = _Running(fingerprint(request), RequestLog(request.request_id, self._log_bytes))

        async def log_and_emit(frame: AnswerFrame) -> None:
            running.log.append(frame)
            await emit(frame.to_model() if isinstance(frame, StreamText) else frame)

        async def ended(end: WsStreamEnd) -> None:
            # Kept before the caller gets the end, also if the caller is gone: a retry then finds it.
            with trio.CancelScope(shield=True):
                result = running.log.result(end)
                size = max(running.log.size, 1)
                await self._kept.keep(KeptAnswer(request.user_id, request.device_id, running.fingerprint, result, size))

        try:
            return await self._pipeline.run(request, emit=log_and_emit, ended=ended)
        except DuplicateRequest:
            return await self._again(request, emit)
        finally:
            del self._running[place]
            running.ended.set()

    async def _again(self, request: ChatInput, emit: Emit) -> WsStreamEnd:
        """Give the kept answer of a request with this id. Raises `DuplicateRequest` if there is none yet."""
        kept = await self._kept.find(request.user_id, request.request_id)
        if kept is None or kept.fingerprint != fingerprint(request):
            raise DuplicateRequest
        result = kept.result
        if result.status == "running":
            raise DuplicateRequest
        for frame in _frames(result):
            await emit(frame)
        return WsStreamEnd(
            request_id=result.request_id,
            status=result.status,
            finish=result.finish,
            shown=result.shown,
            mutations=result.mutations,
            memory_used=result.memory_used,
            usage=result.usage,
            error=result.error,
        )


def _frames(result: WsRequestResult) -> Iterator[WsStreamStart | WsPopupDomain | WsStreamText | WsStreamBlock]:
    request_id = result.request_id
    if result.domain is not None:
        yield WsPopupDomain(request_id=request_id, domain=result.domain)
    if result.agent is not None:
        yield WsStreamStart(request_id=request_id, agent=result.agent)
    for block in result.blocks:
        if block.block_type == "text":
            yield WsStreamText(request_id=request_id, block=block.block, chunk=block.content or "")
        else:
            yield WsStreamBlock(
                request_id=request_id, block=block.block, block_type=block.block_type, data=block.data or {}
            )
