"""Answers as server-sent events: frames, their numbers, and back-pressure."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
import structlog
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from server.requests import ChatInput, Emit, RequestRefused
from server.rest.sse import KEEP_ALIVE, EventStream, encode_event, sse_response
from streaming.wire import (
    SERVER_FRAME,
    ServerFrame,
    WsFailure,
    WsStreamEnd,
    WsStreamStart,
    WsStreamText,
)
from streaming.wire.codes import ErrorCode
from tests.server.rest.rest_server import REQUEST, USER, ScriptedRunner, client_of, end, listening, make_services

CHAT = "/api/v1/chat"
SSE = {"Accept": "text/event-stream"}


def text(chunk: str) -> WsStreamText:
    return WsStreamText(request_id=REQUEST, block=0, chunk=chunk)


@pytest.mark.parametrize(
    "chunk", ["plain", "two\nlines\r\n", "data: x\n\nid: 9", "\u2028\u2029\x85", "\x00", "\U0001f600"]
)
def test_an_event_is_one_frame_whatever_it_holds(chunk: str) -> None:
    encoded = encode_event(text(chunk), 7).decode()
    assert encoded.endswith("\n\n")
    event, identity, data = encoded.removesuffix("\n\n").split("\n")
    assert event == "event: stream_text"
    assert identity == "id: 7"
    assert SERVER_FRAME.validate_json(data.removeprefix("data: ")) == text(chunk).model_copy(update={"seq": 7})
    assert "\r" not in encoded


def events_of(body: str) -> list[tuple[str, int, dict[str, Any]]]:
    """(event, id, data) of each event; comments are ignored."""
    events = []
    for block in body.removesuffix("\n\n").split("\n\n"):
        if block.startswith(":"):
            continue
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        events.append((fields["event"], int(fields["id"]), json.loads(fields["data"])))
    return events


async def test_the_frames_in_order_numbered_from_one() -> None:
    async def answer(chat: ChatInput, emit: Emit) -> WsStreamEnd:
        await emit(WsStreamStart(request_id=chat.request_id, agent="note_agent"))
        for word in ("a", "b", "c"):
            await emit(text(word))
        return end(chat)

    async with client_of(make_services(answer)) as client:
        for _ in range(2):  # each response numbers its own frames
            response = await client.post(CHAT, json={"message": "hi", "request_id": str(REQUEST)}, headers=SSE)
            assert response.status_code == 200
            assert response.headers["Content-Type"] == "text/event-stream"
            assert response.headers["Cache-Control"] == "no-store"
            events = events_of(response.text)
            assert [(event, number) for event, number, _ in events] == [
                ("stream_start", 1),
                ("stream_text", 2),
                ("stream_text", 3),
                ("stream_text", 4),
                ("stream_end", 5),
            ]
            assert all(data["seq"] == number and data["type"] == event for event, number, data in events)
            assert events[-1][2]["status"] == "completed"


async def test_text_arrives_while_the_model_is_still_writing() -> None:
    written = trio.Event()

    async def answer(chat: ChatInput, emit: Emit) -> WsStreamEnd:
        await emit(text("first"))
        await written.wait()
        return end(chat)

    async with (
        client_of(make_services(answer)) as client,
        client.stream("POST", CHAT, json={"message": "hi"}, headers=SSE) as response,
    ):
        lines = response.aiter_lines()
        seen = [await anext(lines) for _ in range(3)]
        assert '"first"' in seen[2]
        written.set()
        rest = [line async for line in lines]
    assert "event: stream_end" in rest


async def test_a_failure_before_the_first_frame_is_still_a_stream() -> None:
    async def fail(chat: ChatInput, emit: Emit) -> WsStreamEnd:
        return end(chat, "failed", WsFailure(code=ErrorCode.MODEL_UNAVAILABLE, message="Away.", retryable=True))

    async with client_of(make_services(fail)) as client:
        response = await client.post(CHAT, json={"message": "hi"}, headers=SSE)
    assert response.status_code == 200
    [(event, number, data)] = events_of(response.text)
    assert (event, number, data["error"]["code"]) == ("stream_end", 1, "model_unavailable")


@pytest.mark.parametrize("frames", [0, 3])
async def test_a_bug_ends_its_stream_with_a_frame_and_affects_no_other(frames: int) -> None:
    async def explode(chat: ChatInput, emit: Emit) -> WsStreamEnd:
        for _ in range(frames):
            await emit(text("x"))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            raise RuntimeError("hunter2")
        raise AssertionError

    with structlog.testing.capture_logs() as logs:
        async with client_of(make_services(explode)) as client:
            response = await client.post(CHAT, json={"message": "hi"}, headers=SSE)
            assert (await client.get("/healthz")).status_code == 200
    events = events_of(response.text)
    assert len(events) == frames + 1
    assert events[-1][2]["status"] == "failed"
    assert events[-1][2]["error"]["code"] == "internal"
    assert "hunter2" not in response.text
    assert "request_failed" in [entry["event"] for entry in logs]


@pytest.mark.parametrize("frames", [0, 1, 3])
async def test_a_disconnect_cancels_the_request(frames: int) -> None:
    async def answer(chat: ChatInput, emit: Emit) -> WsStreamEnd:
        for _ in range(frames):
            await emit(text("x"))
        await trio.sleep_forever()
        raise AssertionError

    runner = ScriptedRunner(answer)
    async with client_of(make_services(runner)) as client:

        async def read() -> None:
            async with client.stream("POST", CHAT, json={"message": "hi"}, headers=SSE) as response:
                async for _ in response.aiter_lines():
                    pass

        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            await runner.started.wait()
            await wait_all_tasks_blocked(0.02)
            nursery.cancel_scope.cancel()
        with trio.fail_after(60):
            await runner.cancelled.wait()


async def test_a_client_that_stops_reading_stops_the_pipeline() -> None:
    emitted = 0

    async def pour(chat: ChatInput, emit: Emit) -> WsStreamEnd:
        nonlocal emitted
        while emitted < 1000:
            await emit(text("x" * 100_000))
            emitted += 1
        return end(chat)

    runner = ScriptedRunner(pour)
    services = make_services(runner)
    token, _ = services.tokens.issue(USER)
    body = b'{"message": "hi"}'
    head = (
        f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nAccept: text/event-stream\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    async with listening(services) as address:
        async with await trio.open_tcp_stream(*address) as stream:
            await stream.send_all(head.encode() + body)
            await runner.started.wait()
            await wait_all_tasks_blocked(0.05)
            full = emitted
            await wait_all_tasks_blocked(0.05)
            assert emitted == full
            # The buffers of the two kernels, and one frame on each side of the channel.
            assert full * 100_000 < 20_000_000
            await stream.receive_some(10_000_000)
            await wait_all_tasks_blocked(0.05)
        with trio.fail_after(60):
            await runner.cancelled.wait()


async def test_a_silent_stream_is_kept_alive(autojump_clock: MockClock) -> None:
    send, receive = trio.open_memory_channel[ServerFrame | RequestRefused](0)
    async with EventStream(text("a"), receive, keep_alive_s=15) as stream, trio.open_nursery() as nursery:

        async def produce() -> None:
            async with send:
                await trio.sleep(40)
                await send.send(text("b"))

        nursery.start_soon(produce)
        sent = [event async for event in stream]
    assert sent == [encode_event(text("a"), 1), KEEP_ALIVE, KEEP_ALIVE, encode_event(text("b"), 2)]
    with pytest.raises(trio.ClosedResourceError):
        receive.receive_nowait()


@pytest.mark.parametrize("frames", [1, 5])
async def test_a_response_that_ends_early_ends_its_request_without_an_error(frames: int) -> None:
    async def answer(chat: ChatInput, emit: Emit) -> WsStreamEnd:
        for _ in range(frames):
            await emit(text("x"))
        return end(chat)

    runner = ScriptedRunner(answer)
    chat = ChatInput(request_id=REQUEST, user_id=USER, message="hi", mode="home")
    with structlog.testing.capture_logs() as logs, trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            response = await sse_response(runner, chat, nursery, keep_alive_s=15)
            async with response.response as body:
                assert await anext(aiter(body)) == encode_event(text("x"), 1)
    assert logs == []


async def test_a_long_answer_is_not_cut_by_the_response_timeout(jump_clock: MockClock) -> None:
    arrived = trio.Event()

    async def answer(chat: ChatInput, emit: Emit) -> WsStreamEnd:
        await emit(text("a"))
        await trio.sleep(3600)
        return end(chat)

    runner = ScriptedRunner(answer)
    async with client_of(make_services(runner)) as client:
        client.timeout = httpx.Timeout(None)

        async def read() -> None:
            response = await client.post(CHAT, json={"message": "hi"}, headers=SSE)
            assert events_of(response.text)[-1][0] == "stream_end"
            arrived.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            await runner.started.wait()
            for _ in range(61):
                await wait_all_tasks_blocked(0.005)
                jump_clock.jump(60)
            with trio.fail_after(60):
                await arrived.wait()
