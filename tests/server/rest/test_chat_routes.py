"""`POST /api/v1/chat` over a real listener: the pipeline's input, and the response for each of its outcomes."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

import pytest
import trio

from server.requests import ChatInput, Emit, RequestRefused
from streaming.chat import Message
from streaming.wire import (
    WsAnswerLocale,
    WsFailure,
    WsMutationRecord,
    WsScope,
    WsStreamBlock,
    WsStreamEnd,
    WsStreamStart,
    WsStreamText,
    WsUsage,
)
from streaming.wire.codes import ErrorCode
from tests.server.rest.rest_server import (
    REQUEST,
    USER,
    ScriptedRunner,
    client_of,
    end,
    listening,
    make_services,
    say_hello,
)
from tests.server.rest.test_app import error_of

LOCALE = WsAnswerLocale(time_zone="Asia/Kathmandu", time_zone_source="request", week_start="sunday")
CHAT = "/api/v1/chat"
DEVICE = UUID("77777777-2222-4333-8444-555555555555")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            {"message": "hi", "request_id": str(REQUEST), "unknown": 1},
            ChatInput(request_id=REQUEST, user_id=USER, message="hi", mode="home"),
        ),
        (
            {
                "message": "and then?",
                "request_id": str(REQUEST),
                "conversation_history": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}],
                "device_id": str(DEVICE),
                "session_id": "s1",
            },
            ChatInput(
                request_id=REQUEST,
                user_id=USER,
                message="and then?",
                mode="home",
                history=(Message("user", "hi"), Message("assistant", "ho")),
                conversation_id="s1",
                device_id=DEVICE,
            ),
        ),
        (
            {"message": "done?", "mode": "popup", "scope": {"type": "task", "id": "t1"}, "request_id": str(REQUEST)},
            ChatInput(
                request_id=REQUEST, user_id=USER, message="done?", mode="popup", scope=WsScope(type="task", id="t1")
            ),
        ),
    ],
)
async def test_what_reaches_the_pipeline(body: dict[str, Any], expected: ChatInput) -> None:
    runner = ScriptedRunner(say_hello)
    async with client_of(make_services(runner)) as client:
        response = await client.post(CHAT, json=body)
    assert response.status_code == 200
    assert runner.inputs == [expected]


async def test_requests_without_an_id_get_one_each() -> None:
    runner = ScriptedRunner(say_hello)
    async with client_of(make_services(runner)) as client:
        answers = [(await client.post(CHAT, json={"message": "hi"})).json() for _ in range(2)]
    assert [answer["request_id"] for answer in answers] == [str(chat.request_id) for chat in runner.inputs]
    assert answers[0]["request_id"] != answers[1]["request_id"]


async def test_an_answer_in_one_piece() -> None:
    async def answer(chat: ChatInput, emit: Emit) -> WsStreamEnd:
        await emit(WsStreamStart(request_id=chat.request_id, agent="task_agent"))
        for chunk in ("Two ", "tasks."):
            await emit(WsStreamText(request_id=chat.request_id, block=0, chunk=chunk))
        items = {"entity": "task", "items": [{"id": "t1", "dueDate": None}]}
        await emit(WsStreamBlock(request_id=chat.request_id, block=1, block_type="entity_ref", data=items))
        mutation = WsMutationRecord(op="delete", entity="task", id="t9", data=None)
        return end(chat, mutations=[mutation], usage=WsUsage(input_tokens=5, output_tokens=6))

    async with client_of(make_services(answer)) as client:
        response = await client.post(CHAT, json={"message": "hi", "request_id": str(REQUEST)})
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.json() == {
        "request_id": str(REQUEST),
        "agent": "task_agent",
        "status": "completed",
        "blocks": [
            {"block": 0, "type": "text", "content": "Two tasks."},
            {"block": 1, "type": "entity_ref", "entity": "task", "items": [{"id": "t1", "dueDate": None}]},
        ],
        "mutations": [{"op": "delete", "entity": "task", "id": "t9"}],
        "usage": {"input_tokens": 5, "output_tokens": 6},
    }


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (ErrorCode.MODEL_UNAVAILABLE, 503),
        (ErrorCode.MODEL_TIMEOUT, 504),
        (ErrorCode.MODEL_ERROR, 502),
        (ErrorCode.REQUEST_TIMEOUT, 504),
        (ErrorCode.SCOPE_NOT_FOUND, 404),
        (ErrorCode.INTERNAL, 500),
    ],
)
async def test_an_answer_that_failed_after_it_started(code: ErrorCode, status: int) -> None:
    async def fail(chat: ChatInput, emit: Emit) -> WsStreamEnd:
        await say_hello(chat, emit)
        failed = end(chat, "failed", WsFailure(code=code, message="It broke.", retryable=True))
        return failed.model_copy(update={"locale": LOCALE})

    async with client_of(make_services(fail)) as client:
        response = await client.post(CHAT, json={"message": "hi", "request_id": str(REQUEST)})
    assert response.json()["locale"] == LOCALE.model_dump(exclude_none=True)
    assert error_of(response, status) == {"code": code.value, "message": "It broke.", "retryable": True}
    assert response.json()["request_id"] == str(REQUEST)
    assert "hello" not in response.text


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
@pytest.mark.parametrize(
    ("code", "status"),
    [
        (ErrorCode.DUPLICATE_REQUEST, 409),
        (ErrorCode.TOO_MANY_REQUESTS, 429),
        (ErrorCode.SERVER_DRAINING, 503),
        (ErrorCode.MESSAGE_TOO_LONG, 413),
    ],
)
async def test_a_refusal_is_a_status_streamed_or_not(accept: str, code: ErrorCode, status: int) -> None:
    async def refuse(chat: ChatInput, emit: Emit) -> WsStreamEnd:
        raise RequestRefused(code, "Not now.", retryable=True)

    async with client_of(make_services(refuse)) as client:
        response = await client.post(CHAT, json={"message": "hi"}, headers={"Accept": accept})
    assert error_of(response, status) == {"code": code.value, "message": "Not now.", "retryable": True}


async def test_a_disconnect_cancels_its_request_and_no_other() -> None:
    release = trio.Event()

    async def wait(chat: ChatInput, emit: Emit) -> WsStreamEnd:
        await say_hello(chat, emit)
        if chat.message == "leave":
            await trio.sleep_forever()
        await release.wait()
        return end(chat)

    runner = ScriptedRunner(wait)
    services = make_services(runner)
    statuses: list[int] = []
    async with client_of(services) as client, trio.open_nursery() as nursery:

        async def stay() -> None:
            statuses.append((await client.post(CHAT, json={"message": "stay"})).status_code)

        nursery.start_soon(stay)
        await runner.started.wait()
        runner.started = trio.Event()
        async with trio.open_nursery() as leaving:
            leaving.start_soon(partial(client.post, CHAT, json={"message": "leave"}))
            await runner.started.wait()
            leaving.cancel_scope.cancel()
        with trio.fail_after(60):
            await runner.cancelled.wait()
        release.set()
    assert statuses == [200]


async def test_a_half_closed_connection_counts_as_a_disconnect() -> None:
    async def wait(chat: ChatInput, emit: Emit) -> WsStreamEnd:
        await trio.sleep_forever()
        raise AssertionError

    runner = ScriptedRunner(wait)
    services = make_services(runner)
    token, _ = services.tokens.issue(USER)
    body = b'{"message": "hi"}'
    head = (
        f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    async with listening(services) as address, await trio.open_tcp_stream(*address) as stream:
        await stream.send_all(head.encode() + body)
        await runner.started.wait()
        await stream.send_eof()
        with trio.fail_after(60):
            await runner.cancelled.wait()
