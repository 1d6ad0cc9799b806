"""Answers over real WebSockets and a proxy that cuts, delays and half-opens them end in the state of a run without."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import pytest
import trio
from trio_websocket import ConnectionClosed, HandshakeError, WebSocketConnection, wrap_client_stream

from server.sockets.device_socket import DeviceSocket, SocketClosed
from server.sockets.listener import serve_device_sockets
from server.sockets.websocket import DEVICE_PATH
from tests.server.memory_server import MemoryServer, hello
from tests.server.sessions.resuming_client import Cut, ResumingClient
from tests.server.sessions.test_cuts import SCENARIOS, Scenario, device, finish, server, state
from tests.server.sockets.fault_proxy import Fault, FaultProxy, Side, open_fault_proxy

SILENT_S = 0.3


class Peer:
    """The client's side of a real WebSocket."""

    def __init__(self, socket: WebSocketConnection) -> None:
        self._socket = socket

    async def say(self, **frame: Any) -> None:
        await self._socket.send_message(json.dumps(frame, default=str))

    async def hear(self) -> dict[str, Any]:
        frame: dict[str, Any] = json.loads(await self._socket.get_message())
        return frame


class SocketClient(ResumingClient):
    """A resuming client on real sockets. It gives up a socket that is silent for `silent_s` seconds."""

    network: Network
    silent_s = 60.0

    async def _finished(self) -> None:
        await self.network.end()

    async def _connection(self, requests: Sequence[dict[str, Any]]) -> None:
        stream = await trio.open_tcp_stream("127.0.0.1", self.network.port)
        async with stream, trio.open_nursery() as nursery:
            with suppress(ConnectionClosed, HandshakeError, trio.BrokenResourceError, trio.ClosedResourceError):
                socket = await wrap_client_stream(nursery, stream, "127.0.0.1", DEVICE_PATH)
                resume = {} if self._session is None else dict(zip(("session_id", "seq"), self._session, strict=True))
                asked = {"resume": resume} if resume else {}
                peer = Peer(socket)
                await peer.say(**hello(self.server.token(), self._device_id, features=self._features, **asked))
                with trio.move_on_after(self.silent_s):
                    await self._serve(peer, requests)
            await trio.aclose_forcefully(stream)
            nursery.cancel_scope.cancel()


class Network:
    """The listening server and the proxy in front of it. Each run has its own server parts."""

    def __init__(self) -> None:
        self.stack: MemoryServer
        self.cut: Cut | None = None
        self.frozen = False
        self.reordered = False
        self.proxy: FaultProxy
        self.port = 0
        self._serving = 0
        self._served = trio.Event()

    async def serve(self, socket: DeviceSocket) -> None:
        self._serving += 1
        try:
            await self.stack.run_session(socket)
        except SocketClosed:
            pass  # cut within the handshake
        finally:
            self._serving -= 1
            self._served.set()

    async def end(self) -> None:
        """End every connection, and wait until the server has noticed it."""
        self.proxy.end_all()
        while self._serving:
            self._served = trio.Event()
            await self._served.wait()

    def fault(self, side: Side, text: str) -> Fault:
        cut = self.cut
        if self.proxy.held and "device_ready" in text:
            self.proxy.release()  # the newer connection has resumed: now the older one's frame arrives
        if cut is None or "device_ready" in text or "device_hello" in text or not cut.due(side, text):
            return "pass"
        if self.reordered:
            return "reorder"
        return "freeze" if self.frozen else "lose" if cut.lost else "cut"

    async def run(
        self, scenario: Scenario, cut: Cut | None, *, frozen: bool = False, reordered: bool = False
    ) -> ResumingClient:
        self.stack, self.cut, self.frozen, self.reordered = server(scenario), cut, frozen, reordered
        client = SocketClient(self.stack, device, approver=scenario.approver)
        client.network = self
        client.silent_s = SILENT_S if frozen else 60.0
        return await finish(scenario, client)


@pytest.fixture
async def network() -> AsyncIterator[Network]:
    async with open_network() as opened:
        yield opened


@asynccontextmanager
async def open_network() -> AsyncIterator[Network]:
    network = Network()
    async with trio.open_nursery() as nursery:
        serve = partial(
            serve_device_sockets,
            network.serve,
            "127.0.0.1",
            0,
            max_message_bytes=1 << 20,
            origin_allowed=lambda _: True,
            max_sockets=100,
        )
        _, port = await nursery.start(serve)
        async with open_fault_proxy(port, network.fault) as (network.proxy, network.port):
            yield network
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("lost", [True, False], ids=["lost", "delivered"])
@pytest.mark.parametrize("side", ["server", "client"])
@pytest.mark.parametrize("name", SCENARIOS)
async def test_a_cut_at_any_frame_changes_nothing(network: Network, name: str, side: Side, lost: bool) -> None:
    scenario = SCENARIOS[name]
    uncut = state(await network.run(scenario, None))
    assert len(uncut[1]) == scenario.blocks
    for at in itertools.count():
        client = await network.run(scenario, cut := Cut(side, at, lost=lost))
        assert state(client) == uncut, (at, lost)
        if not cut.done:
            break
        assert client.outcomes in (["new", "resumed"], ["new"])  # the last frame may need no second socket
    assert at >= 1


@pytest.mark.parametrize("name", SCENARIOS)
async def test_a_connection_that_is_half_open_changes_nothing(network: Network, name: str) -> None:
    scenario = SCENARIOS[name]
    uncut = state(await network.run(scenario, None))
    for side in ("server", "client"):
        client = await network.run(scenario, Cut(side, 1), frozen=True)
        assert state(client) == uncut


@pytest.mark.parametrize("name", SCENARIOS)
async def test_delayed_frames_change_nothing(network: Network, name: str) -> None:
    scenario = SCENARIOS[name]
    uncut = state(await network.run(scenario, None))
    network.proxy.delay_s = 0.005
    assert state(await network.run(scenario, None)) == uncut


@pytest.mark.parametrize("name", SCENARIOS)
async def test_frames_of_an_older_connection_that_arrive_after_a_resume_change_nothing(
    network: Network, name: str
) -> None:
    scenario = SCENARIOS[name]
    uncut = state(await network.run(scenario, None))
    for at in itertools.count():
        client = await network.run(scenario, cut := Cut("client", at), reordered=True)
        assert state(client) == uncut, at
        if not cut.done:
            break
    assert network.proxy.late == at >= 1
