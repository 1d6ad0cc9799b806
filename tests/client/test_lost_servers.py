"""The terminal client keeps its prompt while the server is stopped, replaced, or refuses the token."""

from __future__ import annotations

import io
import queue
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest
import trio
from rich.console import Console
from trio_websocket import WebSocketRequest, serve_websocket, wrap_server_stream

from client.terminal.app import EXIT_OK, Options, run
from client.terminal.prompt import Prompt
from client.terminal.reconnection import Patience
from streaming.wire import WsAuthExpiring, WsAuthRefresh, WsHomeRequest
from tests.client.peer import Peer, end, start, text

ROOT = Path(__file__).parents[2]
QUICK = Patience(silent_s=0.2, probe_s=0.3, check_s=0.1, first_delay_s=0, max_delay_s=0.05)
SESSION = uuid4()


class Screen(io.StringIO):
    """What the person sees. `shows` waits for a text."""

    def __init__(self) -> None:
        super().__init__()
        self._changed = trio.Event()

    def write(self, text: str) -> int:
        written = super().write(text)
        self._changed.set()
        self._changed = trio.Event()
        return written

    async def shows(self, text: str) -> None:
        while text not in self.getvalue():
            await self._changed.wait()


class Person:
    """A person at the terminal: `types` lines, and sees the `screen`."""

    def __init__(self) -> None:
        self.screen = Screen()
        self.typing = ""
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()

    def types(self, line: str) -> None:
        self._lines.put(line)

    def show(self, said: str) -> None:
        self.screen.write(said)

    def read(self, question: str) -> str:
        trio.from_thread.run_sync(self.screen.write, question)
        return self._lines.get()


@asynccontextmanager
async def terminal_at(url: str, rest: str, state: Path) -> AsyncIterator[Person]:
    """The terminal client in a conversation. The block ends when the person leaves."""
    person = Person()
    console = Console(file=person.screen, width=100, highlight=False, color_system=None)
    prompt = Prompt(person.read, show=person.show, typed_so_far=lambda: person.typing)
    codes = []

    async def converse() -> None:
        codes.append(await run(Options(url, rest, state, patience=QUICK), console, prompt, interactive=True))

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(converse)
            yield person
            person.types("/quit")
    assert codes == [EXIT_OK]


async def test_a_stopped_server_is_left_and_resumed_when_it_runs_again(rest: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.client.stopped_server"]
    server = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE, cwd=ROOT)
    try:
        assert server.stdout is not None
        url = (await server.stdout.receive_some()).decode().strip()
        async with terminal_at(url, rest, tmp_path) as person:
            await person.screen.shows("> ")
            person.types("hello")
            await person.screen.shows("Good ")
            server.send_signal(signal.SIGSTOP)
            await person.screen.shows("The connection was lost. Connecting again…")
            server.send_signal(signal.SIGCONT)
            await person.screen.shows("Connected again.")
            await person.screen.shows("morning.")
            person.types("and now?")
            await person.screen.shows("Still here.")
        assert person.screen.getvalue().count("Good ") == 1
    finally:
        server.kill()
        await server.wait()


async def test_a_conversation_waits_for_a_server_that_starts_later(
    rest: str, tmp_path: Path, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("client.terminal.app._FIRST_WAIT_S", 0.01)
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    await listener.aclose()  # nothing listens there now

    async def serve(request: WebSocketRequest) -> None:
        peer = Peer(await request.accept(), {})
        await peer.greet()
        asked = await peer.expect(WsHomeRequest)
        await peer.send(start(asked.request_id), text(asked.request_id, "Here I am."), end(asked.request_id))
        await peer.wait_closed()

    async with terminal_at(f"ws://127.0.0.1:{port}/", rest, tmp_path) as person:
        await person.screen.shows("Connecting again until it answers")
        nursery.start_soon(serve_websocket, serve, "127.0.0.1", port, None)
        await person.screen.shows("> ")
        person.types("hello")
        await person.screen.shows("Here I am.")


Handler = Callable[[trio.SocketStream], Awaitable[None]]


@asynccontextmanager
async def sockets(*handlers: Handler) -> AsyncIterator[str]:
    """A port of loopback at which each connection gets the next handler."""
    waiting = list(handlers)

    async def handle(stream: trio.SocketStream) -> None:
        async with stream:
            await waiting.pop(0)(stream)

    async with trio.open_nursery() as nursery:
        [listener] = await nursery.start(partial(trio.serve_tcp, handle, 0, host="127.0.0.1"))
        yield f"ws://127.0.0.1:{listener.socket.getsockname()[1]}/api/v1/ws/device"
        assert not waiting
        nursery.cancel_scope.cancel()


def device_socket(script: Callable[[Peer], Awaitable[None]]) -> Handler:
    async def handle(stream: trio.SocketStream) -> None:
        async with trio.open_nursery() as nursery:
            request = await wrap_server_stream(nursery, stream)
            await script(Peer(await request.accept(), {}))
            nursery.cancel_scope.cancel()

    return handle


def raw(reply: bytes) -> Handler:
    async def handle(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(reply)

    return handle


async def begins(peer: Peer) -> None:
    await peer.greet(session_id=SESSION)
    asked = await peer.expect(WsHomeRequest)
    await peer.send(start(asked.request_id), text(asked.request_id, "First answer."), end(asked.request_id))


async def goes_on(peer: Peer) -> None:
    await peer.greet(session_id=SESSION, resume="resumed", seq=5)
    assert peer.hello is not None
    assert peer.hello.resume is not None
    assert (peer.hello.resume.session_id, peer.hello.resume.seq) == (SESSION, 4)
    asked = await peer.expect(WsHomeRequest)
    await peer.send(start(asked.request_id), text(asked.request_id, "Second answer."), end(asked.request_id))
    await peer.wait_closed()


async def test_wrong_servers_are_left_until_the_right_one_is_back(rest: str, tmp_path: Path) -> None:
    async def greets_wrongly(peer: Peer) -> None:
        await peer.receive()
        await peer.send(start(uuid4()))

    async def sends_no_frame(peer: Peer) -> None:
        await peer.receive()
        await peer.socket.send_message("hello")

    wrong = [
        raw(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nHi"),
        raw(b"SSH-2.0-OpenSSH_9.6\r\n"),
        raw(b""),
        device_socket(greets_wrongly),
        device_socket(sends_no_frame),
    ]
    async with (
        sockets(device_socket(begins), *wrong, device_socket(goes_on)) as url,
        terminal_at(url, rest, tmp_path) as person,
    ):
        person.typing = "half a li"
        person.types("one")
        await person.screen.shows("First answer.")
        await person.screen.shows("Connected again.")
        assert "Connected again.\n> half a li" in person.screen.getvalue()
        person.types("two")
        await person.screen.shows("Second answer.")
    assert person.screen.getvalue().count("The connection was lost.") == 1


async def test_a_token_that_expires_soon_is_replaced_on_the_same_socket(rest: str, tmp_path: Path) -> None:
    refreshed = trio.Event()

    async def warns(peer: Peer) -> None:
        await peer.greet()
        await peer.send(WsAuthExpiring(in_s=0.01))
        assert (await peer.expect(WsAuthRefresh)).token == "token-2"
        refreshed.set()
        await peer.wait_closed()

    async with sockets(device_socket(warns)) as url, terminal_at(url, rest, tmp_path) as person:
        await refreshed.wait()
    assert "auth_expiring" not in person.screen.getvalue()


async def test_an_expired_token_is_replaced_and_the_conversation_goes_on(rest: str, tmp_path: Path) -> None:
    tokens = []

    async def expires(peer: Peer) -> None:
        await begins(peer)
        assert peer.hello is not None
        tokens.append(peer.hello.token)
        await peer.socket.aclose(4502)

    async def renewed(peer: Peer) -> None:
        await goes_on(peer)
        assert peer.hello is not None
        tokens.append(peer.hello.token)

    async with (
        sockets(device_socket(expires), device_socket(renewed)) as url,
        terminal_at(url, rest, tmp_path) as person,
    ):
        person.types("one")
        await person.screen.shows("Connected again.")
        person.types("two")
        await person.screen.shows("Second answer.")
    assert tokens == ["token", "token-2"]
