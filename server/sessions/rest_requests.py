"""Requests over REST. They run like those of sessions: once per id, with a log that other clients can follow."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import trio

from server.requests import ChatInput, DuplicateRequest, Emit, RequestRefused, is_same_request
from server.sessions.feed import Feed
from server.sessions.ledger import Ledger
from server.sessions.log_room import LogRoom
from server.sessions.outbox import Outbox
from server.sessions.running_request import RunningRequest
from server.sessions.services import SessionServices
from streaming.wire import (
    ServerFrame,
    StreamText,
    WsError,
    WsPopupDomain,
    WsRequestResult,
    WsStreamBlock,
    WsStreamEnd,
    WsStreamStart,
    WsStreamText,
)

_OUTBOX_BYTES: Final = 64 * 1024
_POLL_S: Final = 0.5


class RestCaller:
    """One caller of `POST /chat`. Implements `Follower` for its request, and `Sender` for its own outbox."""

    unsent: Final = False

    def __init__(self) -> None:
        self.outbox = Outbox(Ledger(), _OUTBOX_BYTES)
        self.room = LogRoom(math.inf)
        self._refused: RequestRefused | None = None

    # ---- as its request sees it -------------------------------------------------------------------------------------

    def send_control(self, frame: ServerFrame) -> None:
        """The request was refused: `frame` says why."""
        if isinstance(frame, WsError):
            self._refuse(RequestRefused(frame.code, frame.message, retryable=frame.retryable))

    def answer_duplicate(self, chat: ChatInput, duplicate: DuplicateRequest) -> None:
        """The id was in use at another server, or before this process started."""
        del chat
        self._refuse(duplicate)

    async def wait_for_log_room(self) -> None:
        """The log of one request over REST has only its own bound."""
        await trio.lowlevel.checkpoint()

    def _refuse(self, refused: RequestRefused) -> None:
        self._refused = refused
        self.outbox.finish(self)

    # ---- as its outbox sees it --------------------------------------------------------------------------------------

    def try_send(self, message: bytes) -> None:
        """Nothing is sent directly: `relay` takes every frame."""
        del message

    async def flush(self) -> None:
        await trio.lowlevel.checkpoint()

    def filled(self) -> None:
        """The caller reads slowly: its request waits."""

    # ---- its request ------------------------------------------------------------------------------------------------

    async def relay(self, request: RunningRequest, emit: Emit) -> WsStreamEnd:
        """Emit the frames of `request` from the first one, and return its end. Raises `RequestRefused`.

        If this is cancelled or `emit` raises, the request is cancelled, unless someone else follows it.
        """
        feed = Feed(request.log, block_open=False)
        self.outbox.attach(self)
        request.follow(self, feed)
        self.outbox.follow(feed)
        try:
            while True:
                _, frame = await self.outbox.take(self)
                if isinstance(frame, WsStreamEnd):
                    return frame
                await emit(frame.to_model() if isinstance(frame, StreamText) else frame)
        except trio.EndOfChannel:
            assert self._refused is not None  # noqa: S101 - only `_refuse` ends the outbox
            raise self._refused from None
        except BaseException:
            self._leave(request)
            if isinstance(request.owner, RestCaller) and not request.followers():
                with trio.CancelScope(shield=True):
                    request.cancel()
                    await request.ended()
            raise
        finally:
            self._leave(request)

    def _leave(self, request: RunningRequest) -> None:
        self.outbox.detach(self)
        request.unfollow(self)


class RestRequests:
    """Implements `server.requests.ChatRunner`. An id that is sent again gets the running or kept answer."""

    def __init__(self, services: SessionServices) -> None:
        self._services = services

    async def run(self, request: ChatInput, *, emit: Emit) -> WsStreamEnd:
        """See `server.requests.ChatRunner`. Follows a request with the same id and message that runs here."""
        caller = RestCaller()
        running = self._services.running.get((request.user_id, request.request_id))
        if running is not None and not is_same_request(running.fingerprint, request):
            raise DuplicateRequest
        try:
            if running is None:
                answer = self._services.pipeline.accept(request, source=request.user_id)
                running = RunningRequest(request, answer, caller, self._services.limits.log_bytes)
                self._services.run(running)
            return await caller.relay(running, emit)
        except DuplicateRequest:
            return await self._again(request, emit)

    async def _again(self, request: ChatInput, emit: Emit) -> WsStreamEnd:
        """Give the kept answer of a request with this id, also if another process still makes it.

        Raises `DuplicateRequest` if no answer of it is kept.
        """
        kept = await self._services.kept.find(request.user_id, request.request_id)
        if kept is None or not is_same_request(kept.fingerprint, request):
            raise DuplicateRequest
        while kept.server_id is not None and kept.result.status == "running":
            await trio.sleep(_POLL_S)
            kept = await self._services.kept.find(request.user_id, request.request_id)
            if kept is None:
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
            locale=result.locale,
            error=result.error,
            not_stored=result.not_stored,
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
