"""A chat answer as server-sent events: each event is one frame of the device protocol."""

from __future__ import annotations

from contextlib import suppress
from types import TracebackType
from typing import Final, Self

import structlog
import trio
from quart import Response
from quart.wrappers.response import ResponseBody

from server.requests import ChatInput, ChatRunner, RequestRefused
from streaming.wire import ErrorCode, ServerFrame, WsFailure, WsStreamEnd

log = structlog.get_logger(__name__)

KEEP_ALIVE: Final = b": keep-alive\n\n"
_FAULT: Final = WsFailure(
    code=ErrorCode.INTERNAL, message="The server failed to answer; its log has the error.", retryable=True
)


def encode_event(frame: ServerFrame, seq: int) -> bytes:
    """One frame as one event: `event` is its type, `id` its `seq`, `data` its JSON without line breaks."""
    data = frame.model_copy(update={"seq": seq}).model_dump_json()
    return f"event: {frame.type.value}\nid: {seq}\ndata: {data}\n\n".encode()


async def sse_response(runner: ChatRunner, chat: ChatInput, nursery: trio.Nursery, *, keep_alive_s: float) -> Response:
    """Start `chat` in `nursery`, the HTTP request's nursery, and stream its frames.

    Returns when the first frame exists, so that a refusal can still set the HTTP status: raises `RequestRefused`. The
    runner waits with each frame until the one before it is written to the connection.
    """
    send, receive = trio.open_memory_channel[ServerFrame | RequestRefused](0)
    nursery.start_soon(_produce, runner, chat, send)
    first = await receive.receive()
    if isinstance(first, RequestRefused):
        raise first
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    response = Response(EventStream(first, receive, keep_alive_s), 200, headers, content_type="text/event-stream")
    response.timeout = None  # no limit: the pipeline has its own
    return response


async def _produce(
    runner: ChatRunner, chat: ChatInput, send: trio.MemorySendChannel[ServerFrame | RequestRefused]
) -> None:
    async with send:
        try:
            last: WsStreamEnd | RequestRefused = await runner.run(chat, emit=send.send)
        except RequestRefused as refusal:
            last = refusal
        except Exception:
            if send.statistics().open_receive_channels == 0:
                return  # the response ended first, so `emit` raised
            # The boundary of one streamed request: it must end with a frame, and must not end other requests.
            log.exception("request_failed", code=ErrorCode.INTERNAL)
            last = WsStreamEnd(request_id=chat.request_id, status="failed", usage=None, error=_FAULT)
        with suppress(trio.BrokenResourceError):  # the response may have ended
            await send.send(last)


class EventStream(ResponseBody):
    """The body of an SSE response. Numbers frames from 1; sends a comment every `keep_alive_s` idle seconds."""

    def __init__(
        self,
        first: ServerFrame,
        rest: trio.MemoryReceiveChannel[ServerFrame | RequestRefused],
        keep_alive_s: float,
    ) -> None:
        self._first: ServerFrame | None = first
        self._rest = rest
        self._keep_alive_s = keep_alive_s
        self._seq = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._rest.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        frame, self._first = self._first, None
        if frame is None:
            with trio.move_on_after(self._keep_alive_s) as waiting:
                frame = await self._next_frame()
            if waiting.cancelled_caught or frame is None:
                return KEEP_ALIVE
        self._seq += 1
        return encode_event(frame, self._seq)

    async def _next_frame(self) -> ServerFrame:
        try:
            frame = await self._rest.receive()
        except trio.EndOfChannel:
            raise StopAsyncIteration from None
        if isinstance(frame, RequestRefused):
            raise TypeError("a request was refused after its first frame") from frame
        return frame
