"""Behaviour of all routes over a real listener: error bodies, headers and metrics."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import httpx
import pytest
import structlog
import trio

from server.accounts.credentials import Tokens
from server.requests import ChatInput, Emit
from server.rest.services import RestLimits
from streaming.wire import WsStreamEnd
from tests.server.rest.rest_server import KEY, USER, client_of, listening, make_services, raw_exchange

LOGIN = "/api/v1/auth/login"
CHAT = "/api/v1/chat"


def error_of(response: httpx.Response, status: int) -> dict[str, Any]:
    """The error of `response`, which must have this status and the common JSON body."""
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    body = response.json()
    error: dict[str, Any] = body["error"]
    assert error.keys() == {"code", "message", "retryable"}
    assert error["message"].endswith(".")
    return error


@pytest.mark.parametrize(
    "path", ["/", "/nothing", "/api/v1/chat/", "/api//v1/auth/login", "/static/x", "/%ff%00", "/../etc"]
)
async def test_an_unknown_path_is_not_found(path: str) -> None:
    async with listening(make_services()) as address:
        answer = await raw_exchange(address, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 404")
    assert json.loads(body)["error"]["code"] == "not_found"


async def test_a_wrong_method_is_answered_with_the_allowed_ones() -> None:
    async with client_of(make_services()) as client:
        response = await client.get(CHAT)
        assert error_of(response, 405)["code"] == "method_not_allowed"
        assert "POST" in response.headers["Allow"]
        assert (await client.head("/healthz")).status_code == 200


@pytest.mark.parametrize(
    "content_type", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
async def test_a_body_with_another_content_type_is_refused(content_type: str | None) -> None:
    async with client_of(make_services()) as client:
        headers = {} if content_type is None else {"Content-Type": content_type}
        response = await client.post(LOGIN, content=b'{"email": "a@b.cd", "password": "x"}', headers=headers)
        assert error_of(response, 415)["code"] == "unsupported_media_type"


SECRET = "tr0ub4dor&3"


@pytest.mark.parametrize(
    ("path", "body", "named"),
    [
        (LOGIN, b"", "JSON"),
        (LOGIN, b"{", "JSON"),
        (LOGIN, b"\xff\xfe", "JSON"),
        (LOGIN, b'{"email": "\\ud800", "password": "x"}', "email"),
        (LOGIN, b"[" * 19_000, "JSON"),
        (LOGIN, b"[]", "body"),
        (LOGIN, b"null", "body"),
        (LOGIN, b'{"password": "%s"}' % SECRET.encode(), "email"),
        (LOGIN, b'{"email": 5, "password": "%s"}' % SECRET.encode(), "email"),
        (LOGIN, b'{"email": "no at sign", "password": "%s"}' % SECRET.encode(), "email"),
        (LOGIN, b'{"email": "a@b.cd\\u0000", "password": "%s"}' % SECRET.encode(), "email"),
        (LOGIN, b'{"email": "a@b.cd", "password": ["%s"]}' % SECRET.encode(), "password"),
        (LOGIN, b'{"email": "a@b.cd", "password": "%s"}' % (SECRET.encode() * 100), "password"),
        ("/api/v1/auth/register", b'{"email": "a@b.cd", "password": "tr0ub4"}', "password"),
        (CHAT, b"{}", "message"),
        (CHAT, b'{"message": ""}', "message"),
        (CHAT, b'{"message": "x", "mode": "shout"}', "mode"),
        (CHAT, b'{"message": "x", "mode": "popup"}', "scope"),
        (CHAT, b'{"message": "x", "scope": {"type": "task"}}', "scope"),
        (CHAT, b'{"message": "x", "mode": "popup", "scope": {"type": "tr0ub4dor&3"}}', "scope.type"),
        (CHAT, b'{"message": "x", "device_id": "tr0ub4dor&3"}', "device_id"),
        (CHAT, b'{"message": "x", "request_id": 7}', "request_id"),
        (CHAT, b'{"message": "x", "conversation_history": [{"role": "system", "content": "tr0ub4dor&3"}]}', "role"),
        (CHAT, b'{"message": "x", "conversation_history": [{"role": "user"}]}', "conversation_history.0.content"),
    ],
)
async def test_a_malformed_body_names_the_field_and_never_its_value(path: str, body: bytes, named: str) -> None:
    async with client_of(make_services()) as client:
        response = await client.post(path, content=body, headers={"Content-Type": "application/json"})
    error = error_of(response, 422)
    assert error["code"] == "invalid_body"
    assert named in error["message"]
    assert "tr0ub4" not in response.text


async def test_a_body_of_too_many_values_is_not_read() -> None:
    async with client_of(make_services()) as client:
        response = await client.post(LOGIN, content=b"[" * 100_000, headers={"Content-Type": "application/json"})
    assert error_of(response, 413)["code"] == "body_too_large"


async def test_a_body_with_a_too_large_content_length_is_not_read() -> None:
    async with listening(make_services(limits=RestLimits(max_body_bytes=1000))) as address:
        head = f"POST {LOGIN} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1001\r\n\r\n"
        answer = await raw_exchange(address, head.encode())
    assert answer.startswith(b"HTTP/1.1 413")
    assert b'"body_too_large"' in answer


async def test_a_body_over_the_limit_without_content_length_is_cut_off() -> None:
    chunk = b"1000\r\n" + b"x" * 0x1000 + b"\r\n"
    sent = 0
    async with (
        listening(make_services(limits=RestLimits(max_body_bytes=100_000))) as address,
        await trio.open_tcp_stream(*address) as stream,
    ):
        head = f"POST {LOGIN} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        await stream.send_all(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n")
        with suppress(trio.BrokenResourceError):
            while sent < 100_000_000:
                await stream.send_all(chunk)
                sent += len(chunk)
    assert sent < 100_000_000


async def test_a_body_that_stalls_times_out(jump_clock: trio.testing.MockClock) -> None:
    async with (
        listening(make_services(limits=RestLimits(body_timeout_s=10))) as address,
        await trio.open_tcp_stream(*address) as stream,
    ):
        head = f"POST {LOGIN} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n"
        await stream.send_all(head.encode() + b'{"')
        await trio.testing.wait_all_tasks_blocked(0.05)
        jump_clock.jump(10.5)
        answer = await stream.receive_some()
    assert answer.startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize(
    ("header", "code", "challenge"),
    [
        (None, "unauthorized", 'Bearer realm="tessera"'),
        ("", "unauthorized", 'Bearer realm="tessera"'),
        ("Basic YTpi", "unauthorized", 'Bearer realm="tessera"'),
        ("Bearer", "unauthorized", 'Bearer realm="tessera"'),
        ("Bearer a.b.c", "unauthorized", 'Bearer realm="tessera", error="invalid_token"'),
        ("Bearer " + "x" * 12_000, "unauthorized", 'Bearer realm="tessera", error="invalid_token"'),
    ],
)
async def test_a_missing_or_invalid_token_gets_a_challenge(header: str | None, code: str, challenge: str) -> None:
    async with client_of(make_services(), user=None) as client:
        headers = {} if header is None else {"Authorization": header}
        response = await client.post(CHAT, json={"message": "x"}, headers=headers)
    assert error_of(response, 401)["code"] == code
    assert response.headers["WWW-Authenticate"] == challenge


async def test_an_expired_token_says_so() -> None:
    services = make_services(tokens=Tokens([KEY], lifetime_s=60))
    old, _ = Tokens([KEY], lifetime_s=60, clock=lambda: 1_000_000_000).issue(USER)
    async with client_of(services, user=None) as client:
        response = await client.post(CHAT, json={"message": "x"}, headers={"Authorization": f"Bearer {old}"})
    assert error_of(response, 401)["code"] == "token_expired"
    assert "expired" in response.headers["WWW-Authenticate"]


async def test_a_bug_is_logged_and_not_shown_to_the_client() -> None:
    async def explode(chat: ChatInput, emit: Emit) -> WsStreamEnd:
        structlog.get_logger(__name__).info("bound")
        raise RuntimeError("database password is hunter2")

    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logs:
        async with client_of(make_services(explode)) as client:
            response = await client.post(CHAT, json={"message": "x"})
            assert (await client.get("/healthz")).status_code == 200  # the next request is not affected
    error = error_of(response, 500)
    assert error["code"] == "internal"
    assert "hunter2" not in response.text
    fault = next(entry for entry in logs if entry["event"] == "http_request_failed")
    assert isinstance(fault["exc_info"], RuntimeError)
    bound = next(entry for entry in logs if entry["event"] == "bound")
    assert bound["http_request_id"] == response.headers["X-Request-Id"]


async def test_an_exception_group_is_handled_as_a_bug_too() -> None:
    async def explode(chat: ChatInput, emit: Emit) -> WsStreamEnd:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            raise RuntimeError("hunter2")
        raise AssertionError

    async with client_of(make_services(explode)) as client:
        response = await client.post(CHAT, json={"message": "x"})
    assert error_of(response, 500)["code"] == "internal"
    assert "hunter2" not in response.text


async def test_each_request_has_its_own_id_and_is_counted_by_route() -> None:
    services = make_services()
    async with client_of(services) as client:
        first, second = await client.get("/healthz"), await client.get("/healthz")
        await client.get("/secret-path")
        await client.post(CHAT, json={"message": "x"}, headers={"Authorization": ""})
        metrics = (await client.get("/metrics")).text
    assert first.headers["X-Request-Id"] != second.headers["X-Request-Id"]
    assert 'tessera_http_requests_total{method="GET",route="/healthz",status="200"} 2.0' in metrics
    assert 'tessera_http_requests_total{method="GET",route="unmatched",status="404"} 1.0' in metrics
    assert 'tessera_http_requests_total{method="POST",route="/api/v1/chat",status="401"} 1.0' in metrics
    assert "secret-path" not in metrics


async def test_other_origins_get_no_cors_headers() -> None:
    async with client_of(make_services()) as client:
        headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
        preflight = await client.options(CHAT, headers=headers)
        real = await client.get("/healthz", headers=headers)
    for response in (preflight, real):
        assert not [name for name in response.headers if name.startswith("access-control-")]


async def test_a_websocket_handshake_here_gets_an_http_refusal() -> None:
    request = (
        b"GET /api/v1/ws/device HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    async with listening(make_services()) as address:
        answer = await raw_exchange(address, request)
    assert answer.startswith((b"HTTP/1.1 403", b"HTTP/1.1 404"))


async def test_healthz_answers() -> None:
    async with client_of(make_services(), user=None) as client:
        assert (await client.get("/healthz")).json() == {"status": "ok"}


async def test_readyz_reports_each_check() -> None:
    faults: dict[str, str | None] = {"database": None, "migrations": None, "model": None}

    async def readiness() -> Mapping[str, str | None]:
        return faults

    async with client_of(make_services(readiness=readiness), user=None) as client:
        response = await client.get("/readyz")
        assert response.status_code == 200
        assert response.json() == {"status": "ready", "checks": {"database": "ok", "migrations": "ok", "model": "ok"}}
        faults["migrations"] = "0002_memory is not applied"
    shaped = replace(make_services(readiness=readiness), model_shape=lambda: "schema (setting auto): required no")
    async with client_of(shaped, user=None) as client:
        response = await client.get("/readyz")
        error = error_of(response, 503)
        assert error["code"] == "not_ready"
        assert error["retryable"] is True
        assert "migrations" in error["message"]
        assert response.json()["checks"] == {
            "database": "ok",
            "migrations": "0002_memory is not applied",
            "model": "ok",
        }
        assert response.json()["model_shape"] == "schema (setting auto): required no"
