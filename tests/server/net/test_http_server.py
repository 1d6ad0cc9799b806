"""The HTTP server: its addresses, its connection limits, and its shutdown."""

from __future__ import annotations

import errno
import socket
from functools import partial

import httpx
import pytest
import structlog
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from server.net.http_server import Connection, ServeLimits, serve_rest
from server.requests import ChatInput, Emit
from server.rest.app import build_app
from server.rest.services import RestServices
from streaming.wire import WsStreamEnd, WsStreamText
from tests.server.rest.rest_server import USER, ScriptedRunner, client_of, end, listening, make_services, raw_exchange

CHAT = "/api/v1/chat"
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


def chat_request(services: RestServices, accept: str = "application/json") -> bytes:
    token, _ = services.tokens.issue(USER)
    body = b'{"message": "hi"}'
    head = (
        f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nAccept: {accept}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def start(
    nursery: trio.Nursery, services: RestServices, stop: trio.Event, limits: ServeLimits | None = None
) -> tuple[tuple[str, int], trio.Event]:
    """A server that stops when `stop` is set, its address, and an event that is set at its end."""
    ended = trio.Event()

    async def serve(task_status: trio.TaskStatus[tuple[str, int]]) -> None:
        app = build_app(services)
        await serve_rest(app, "127.0.0.1:0", shutdown_trigger=stop.wait, limits=limits, task_status=task_status)
        ended.set()

    return await nursery.start(serve), ended


async def pour(chat: ChatInput, emit: Emit) -> WsStreamEnd:
    """An endless response: 100 MB are more than the buffers of two kernels."""
    for _ in range(1000):
        await emit(WsStreamText(request_id=chat.request_id, block=0, chunk="x" * 100_000))
    await trio.sleep_forever()
    raise AssertionError


async def test_the_bound_port_is_reported_and_released() -> None:
    async with listening(make_services()) as (host, port):
        assert host == "127.0.0.1"
        assert port > 0
    async with trio.open_nursery() as nursery:
        serve = partial(serve_rest, build_app(make_services()), f"{host}:{port}", shutdown_trigger=trio.sleep_forever)
        assert await nursery.start(serve) == (host, port)
        nursery.cancel_scope.cancel()


def has_ipv6_loopback() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6_loopback(), reason="this machine has no IPv6 loopback")
async def test_over_ipv6() -> None:
    async with trio.open_nursery() as nursery:
        serve = partial(serve_rest, build_app(make_services()), "[::1]:0", shutdown_trigger=trio.sleep_forever)
        host, port = await nursery.start(serve)
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"http://[{host}]:{port}/healthz")).status_code == 200
        nursery.cancel_scope.cancel()


async def test_a_port_in_use_is_an_os_error() -> None:
    async with listening(make_services()) as (host, port):
        with pytest.raises(OSError, match=r".") as caught:
            await serve_rest(build_app(make_services()), f"{host}:{port}", shutdown_trigger=trio.sleep_forever)
    assert caught.value.errno == errno.EADDRINUSE


async def test_several_requests_on_one_connection() -> None:
    async with listening(make_services()) as address, await trio.open_tcp_stream(*address) as stream:
        for _ in range(3):
            await stream.send_all(HEALTH)
            received = b""
            while not received.endswith(b'{"status":"ok"}'):
                received += await stream.receive_some()
            assert received.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("requests", [0, 1, 2])
async def test_an_idle_connection_is_closed(requests: int, jump_clock: MockClock) -> None:
    async with listening(make_services()) as address, await trio.open_tcp_stream(*address) as stream:
        for _ in range(requests):
            await stream.send_all(HEALTH)
            await wait_all_tasks_blocked(0.02)
            assert await stream.receive_some()
        await wait_all_tasks_blocked(0.02)
        jump_clock.jump(16)
        with trio.fail_after(12):
            assert await stream.receive_some() == b""


async def test_connection_close_closes_immediately() -> None:
    async with listening(make_services()) as address, await trio.open_tcp_stream(*address) as stream:
        await stream.send_all(HEALTH.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        with trio.fail_after(12):
            received = b"".join([chunk async for chunk in stream])
    assert received.endswith(b'{"status":"ok"}')


@pytest.mark.parametrize(
    "junk",
    [b"\x00\x01\x02\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 100_000, b"\x16\x03\x01"],
)
async def test_bytes_other_than_http_close_the_connection(junk: bytes, jump_clock: MockClock) -> None:
    async with listening(make_services()) as address:
        async with await trio.open_tcp_stream(*address) as stream:
            await stream.send_all(junk)
            await wait_all_tasks_blocked(0.02)
            jump_clock.jump(16)  # some of these bytes could be the beginning of a request
            with trio.fail_after(12):
                received = b""
                try:
                    async for chunk in stream:
                        received += chunk
                except trio.BrokenResourceError:
                    pass
        assert received == b"" or received.startswith(b"HTTP/1.1 4")
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"http://{address[0]}:{address[1]}/healthz")).status_code == 200


async def test_a_connection_over_the_limit_is_closed_unread() -> None:
    async with listening(make_services(), ServeLimits(max_connections=2)) as address:
        first, second = await trio.open_tcp_stream(*address), await trio.open_tcp_stream(*address)
        async with first, second, await trio.open_tcp_stream(*address) as third:
            with trio.fail_after(12):
                assert await third.receive_some() == b""
            await second.aclose()
            await wait_all_tasks_blocked(0.02)
            async with await trio.open_tcp_stream(*address) as fourth:
                await fourth.send_all(HEALTH)
                assert (await fourth.receive_some()).startswith(b"HTTP/1.1 200")


async def test_a_client_that_never_reads_loses_its_connection(jump_clock: MockClock) -> None:
    runner = ScriptedRunner(pour)
    services = make_services(runner)
    async with (
        listening(services, ServeLimits(write_s=30)) as address,
        await trio.open_tcp_stream(*address) as stream,
    ):
        await stream.send_all(chat_request(services, "text/event-stream"))
        await runner.started.wait()
        await wait_all_tasks_blocked(0.05)
        assert not runner.cancelled.is_set()
        jump_clock.jump(31)
        with trio.fail_after(12):
            await runner.cancelled.wait()
            received = b"".join([chunk async for chunk in stream])
    assert not received.endswith(b"0\r\n\r\n")  # the response must not look complete


async def test_shutdown_closes_idle_connections_immediately() -> None:
    stop = trio.Event()
    async with trio.open_nursery() as nursery:
        address, ended = await start(nursery, make_services(), stop, ServeLimits(grace_s=1000))
        fresh, used = await trio.open_tcp_stream(*address), await trio.open_tcp_stream(*address)
        async with fresh, used:
            await used.send_all(HEALTH)
            await wait_all_tasks_blocked(0.02)
            stop.set()
            with trio.fail_after(12):  # far less than the idle timeout and the grace period
                await ended.wait()


async def test_shutdown_lets_running_requests_finish() -> None:
    stop, finish = trio.Event(), trio.Event()

    async def answer(chat: ChatInput, emit: Emit) -> WsStreamEnd:
        await finish.wait()
        return end(chat)

    runner = ScriptedRunner(answer)
    services = make_services(runner)
    async with trio.open_nursery() as nursery:
        address, ended = await start(nursery, services, stop, ServeLimits(grace_s=1000))
        async with await trio.open_tcp_stream(*address) as stream:
            await stream.send_all(chat_request(services))
            await runner.started.wait()
            stop.set()
            await wait_all_tasks_blocked(0.02)
            assert not ended.is_set()
            with pytest.raises(OSError, match=r"."):
                await trio.open_tcp_stream(*address)
            finish.set()
            with trio.fail_after(12):
                assert (await stream.receive_some()).startswith(b"HTTP/1.1 200")
        with trio.fail_after(12):
            await ended.wait()


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_shutdown_cancels_requests_after_the_grace_period(accept: str, jump_clock: MockClock) -> None:
    stop = trio.Event()

    async def wait(chat: ChatInput, emit: Emit) -> WsStreamEnd:
        await emit(WsStreamText(request_id=chat.request_id, block=0, chunk="x"))
        await trio.sleep_forever()
        raise AssertionError

    runner = ScriptedRunner(wait)
    services = make_services(runner)
    async with trio.open_nursery() as nursery:
        address, ended = await start(nursery, services, stop, ServeLimits(grace_s=3))
        async with await trio.open_tcp_stream(*address) as stream:
            await stream.send_all(chat_request(services, accept))
            await runner.started.wait()
            await wait_all_tasks_blocked(0.02)
            stop.set()
            await wait_all_tasks_blocked(0.02)
            assert not runner.cancelled.is_set()
            jump_clock.jump(3.1)
            with trio.fail_after(12):
                await ended.wait()
            assert runner.cancelled.is_set()


@pytest.mark.parametrize("how", ["shutdown", "cancel"])
async def test_a_client_that_never_reads_does_not_block_the_shutdown(how: str, jump_clock: MockClock) -> None:
    stop = trio.Event()
    runner = ScriptedRunner(pour)
    services = make_services(runner)
    async with trio.open_nursery() as nursery:
        address, ended = await start(nursery, services, stop, ServeLimits(grace_s=3, write_s=1000))
        async with await trio.open_tcp_stream(*address) as stream:
            await stream.send_all(chat_request(services, "text/event-stream"))
            await runner.started.wait()
            await wait_all_tasks_blocked(0.05)
            if how == "cancel":
                nursery.cancel_scope.cancel()
            else:
                stop.set()
                await wait_all_tasks_blocked(0.02)
                jump_clock.jump(3.1)
                with trio.fail_after(12):
                    await ended.wait()
    assert runner.cancelled.is_set()


async def test_a_trigger_that_fails_is_not_swallowed() -> None:
    async def broken() -> None:
        raise RuntimeError("no signals here")

    with pytest.RaisesGroup(pytest.RaisesExc(RuntimeError, match="no signals"), flatten_subgroups=True):
        await serve_rest(build_app(make_services()), "127.0.0.1:0", shutdown_trigger=broken)


async def test_two_servers_in_one_process() -> None:
    async with client_of(make_services()) as one, client_of(make_services()) as two:
        for client in (one, two):
            assert (await client.get("/healthz")).status_code == 200


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"  # and an empty SETTINGS frame
UPGRADE = (
    b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    b"HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n"
)


@pytest.mark.parametrize(
    ("http2", "request_", "beginning"),
    [
        (False, PREFACE, b"HTTP/1.1 505"),
        (False, UPGRADE, b"HTTP/1.1 200"),
        (True, PREFACE, b"\x00\x00"),  # the length of a SETTINGS frame
        (True, UPGRADE, b"HTTP/1.1 101"),
    ],
)
async def test_http_2_is_off_unless_it_is_set(
    nursery: trio.Nursery, http2: bool, request_: bytes, beginning: bytes
) -> None:
    stop = trio.Event()
    (host, port), _ = await start(nursery, make_services(), stop, ServeLimits(http2=http2))
    async with await trio.open_tcp_stream(host, port) as client:
        await client.send_all(request_)
        with trio.fail_after(10):
            assert bytes(await client.receive_some()).startswith(beginning)
    stop.set()


@pytest.mark.parametrize("cancelled_too", [False, True])
async def test_a_fault_in_one_connection_ends_no_other_and_is_logged_once_a_second(
    monkeypatch: pytest.MonkeyPatch, cancelled_too: bool
) -> None:
    """Such as of h2, which rejects what Hypercorn wants to send on a connection that it has closed."""
    read_data, faulty = Connection._read_data, [True] * 3

    async def failing(connection: Connection) -> None:
        if faulty:
            faulty.pop()
            async with trio.open_nursery() as nursery:
                if cancelled_too:
                    nursery.start_soon(trio.sleep_forever)
                await trio.lowlevel.checkpoint()
                raise RuntimeError("a fault of a library")
        await read_data(connection)

    monkeypatch.setattr(Connection, "_read_data", failing)
    with structlog.testing.capture_logs() as logs:
        async with listening(make_services()) as address:
            for _ in range(3):
                assert await raw_exchange(address, HEALTH) == b""
            async with httpx.AsyncClient(base_url=f"http://{address[0]}:{address[1]}", trust_env=False) as client:
                assert (await client.get("/healthz")).status_code == 200
    assert [one["log_level"] for one in logs if one["event"] == "http_connection_failed"] == ["warning"]
