"""A session's outbox with the logs of its requests, and the frames that its tests put into it."""

from __future__ import annotations

import math
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from typing import Any
from uuid import UUID

import trio

from server.requests import ChatInput, DuplicateRequest
from server.sessions.feed import Feed
from server.sessions.ledger import Ledger
from server.sessions.log_room import LogRoom
from server.sessions.outbox import Outbox
from server.sessions.running_request import RunningRequest
from streaming.wire import (
    ServerFrame,
    WsError,
    WsPong,
    WsStreamBlock,
    WsStreamEnd,
    WsStreamText,
)
from streaming.wire.stream_text import AnswerFrame, StreamText

A, B, C = (UUID(int=number) for number in (1, 2, 3))


def text(request: UUID, chunk: str, block: int = 0) -> StreamText:
    return StreamText(request, block, chunk)


def block(request: UUID, index: int = 1) -> WsStreamBlock:
    return WsStreamBlock(request_id=request, block=index, block_type="table", data={"headers": ["h"], "rows": []})


def end(request: UUID) -> WsStreamEnd:
    return WsStreamEnd(request_id=request, status="completed")


class Direct:
    """A socket that takes frames directly while `open`, and leaves part of each unsent while `narrow`."""

    def __init__(self) -> None:
        self.sent: list[AnswerFrame] = []
        self.open = False
        self.narrow = False
        self.unsent = False
        self.go_on = trio.Event()
        self.full = 0

    def try_send(self, message: bytes) -> int | None:
        if self.open:
            fields = WsStreamText.model_validate_json(message)
            self.sent.append(text(fields.request_id, fields.chunk, fields.block))
            self.unsent = self.narrow
            return len(message) // 2 if self.narrow else 0
        return None

    async def flush(self) -> None:
        await self.go_on.wait()
        self.unsent = False

    def filled(self) -> None:
        self.full += 1


class WithoutPlaces:
    """The part of an answer that a request needs to wait for its client, and to be stopped. It calls no model."""

    def without_places(self) -> AbstractAsyncContextManager[None]:
        return nullcontext()

    def hang_up(self) -> None: ...


class Session:
    """One session's outbox with an attached socket, and its requests. It is its own follower."""

    def __init__(self, max_bytes: int = 256 * 1024, max_control: int = 1024, *, attached: bool = True) -> None:
        self.ledger = Ledger()
        self.outbox = Outbox(self.ledger, max_bytes, max_control)
        self.room = LogRoom(math.inf)
        self.direct = Direct()
        self.requests: dict[UUID, RunningRequest] = {}
        if attached:
            self.attach()

    def attach(self) -> None:
        self.outbox.attach(self.direct, WsPong())
        assert self.outbox._next() == WsPong()

    def send_control(self, frame: ServerFrame) -> None:
        self.outbox.put_control(frame)

    def answer_duplicate(self, chat: ChatInput, duplicate: DuplicateRequest) -> None:
        raise AssertionError(chat, duplicate)

    async def wait_for_log_room(self) -> None:
        raise AssertionError(self.room)

    def request(self, request_id: UUID) -> RunningRequest:
        request = self.requests.get(request_id)
        if request is None:
            chat = ChatInput(request_id=request_id, user_id=A, message="hello", mode="home")
            answer: Any = WithoutPlaces()
            request = self.requests[request_id] = RunningRequest(chat, answer, self, 1 << 20)
            request.follow(self, Feed(request.log, block_open=True))
        return request

    async def put(self, *frames: AnswerFrame) -> None:
        for frame in frames:
            assert not isinstance(frame, WsPong | WsError)
            room = self.request(frame.request_id)._emit(frame)  # type: ignore[union-attr,arg-type]  # answers have it
            if room is not None:
                await room

    async def take(self) -> AnswerFrame:
        return (await self.outbox.take(self.direct))[1]

    async def take_all(self) -> None:
        with suppress(trio.EndOfChannel):
            while True:
                self.direct.sent.append(await self.take())

    async def drain(self) -> list[AnswerFrame]:
        self.outbox.finish(self.direct)
        frames = []
        with suppress(trio.EndOfChannel):
            while True:
                frames.append(await self.take())
        return frames
