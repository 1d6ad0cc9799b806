"""A WebSocket server on loopback: an adapter connects to `/control`, and the client under test to `/device/NUMBER`."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import trio
from trio_websocket import (
    ConnectionClosed,
    HandshakeError,
    WebSocketConnection,
    WebSocketRequest,
    wrap_server_stream,
)

from client.conformance.cases import Case
from client.conformance.device_socket import Arrival, DeviceSocket, FreezableStream
from client.conformance.player import NotConformingError, Player

_MAX_MESSAGE_BYTES: Final = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one client did in one case. `problem` is empty if it passed or was skipped."""

    client: str
    case: str
    outcome: str
    problem: str = ""


class Endpoint:
    """Plays cases. `report` is called for each verdict, `finished` when an adapter has played every case."""

    def __init__(
        self,
        cases: Sequence[Case],
        *,
        patience_s: float = 15,
        report: Callable[[Verdict], None] = lambda _: None,
        finished: Callable[[], None] = lambda: None,
    ) -> None:
        self._cases = cases
        self._patience_s = patience_s
        self._report = report
        self._finished = finished
        self._arrivals: dict[str, trio.MemorySendChannel[Arrival]] = {}
        self._url = ""

    async def serve(self, port: int = 0, *, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve on a port of loopback until cancelled. The task status is the URL of the control socket."""
        listeners = await trio.open_tcp_listeners(port, host="127.0.0.1")
        self._url = f"ws://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        task_status.started(f"{self._url}/control")
        await trio.serve_listeners(self._accept, listeners)

    async def _accept(self, stream: trio.SocketStream) -> None:
        freezable = FreezableStream(stream)
        try:
            async with trio.open_nursery() as nursery:
                request = await wrap_server_stream(nursery, freezable)
                await self._serve_request(request, freezable)
                nursery.cancel_scope.cancel()
        except* (HandshakeError, ConnectionClosed):
            pass
        finally:
            await trio.aclose_forcefully(freezable)

    async def _serve_request(self, request: WebSocketRequest, stream: FreezableStream) -> None:
        target = urlsplit(request.path)
        if target.path == "/control":
            names = parse_qs(target.query).get("case", [])
            websocket = await request.accept()
            await self._control(websocket, [case for case in self._cases if not names or case.name in names])
            await websocket.aclose()
            if not names:
                self._finished()
        elif (arrivals := self._arrivals.get(target.path)) is not None:
            with suppress(trio.BrokenResourceError):  # the case has ended
                await _serve_device(request, stream, arrivals)
        else:
            await request.reject(404)

    async def _control(self, websocket: WebSocketConnection, cases: Sequence[Case]) -> None:
        client = await _heard(websocket, "adapter")
        name, abilities = str(client.get("name", "client")), set(client.get("can", []))
        for case in cases:
            missing = sorted(set(case.needs) - abilities)
            if missing:
                verdict = Verdict(name, case.name, "skipped")
            else:
                verdict = await self._judge(name, case, websocket)
            self._report(verdict)
            await _say(
                websocket,
                {"type": "verdict", "case": case.name, "outcome": verdict.outcome, "problem": verdict.problem},
            )

    async def _judge(self, client: str, case: Case, websocket: WebSocketConnection) -> Verdict:
        path = f"/device/{uuid4()}"
        feed, arrivals = trio.open_memory_channel[Arrival](math.inf)
        self._arrivals[path] = feed
        try:
            adapter = ControlledClient(websocket, self._patience_s)
            device_id = str(uuid4())
            await adapter.begin(case, self._url + path, device_id)
            try:
                player = Player(case, adapter, arrivals, device_id=device_id, patience_s=self._patience_s)
                await player.play()
            except NotConformingError as error:
                return Verdict(client, case.name, "failed", str(error))
            return Verdict(client, case.name, "passed")
        finally:
            del self._arrivals[path]
            feed.close()
            arrivals.close()


class ControlledClient:
    """The client under test, driven over the control socket."""

    def __init__(self, websocket: WebSocketConnection, patience_s: float) -> None:
        self._websocket = websocket
        self._patience_s = patience_s

    async def begin(self, case: Case, url: str, device_id: str) -> None:
        """Tell the adapter that a case begins. It has no client yet: the action `connect` makes it."""
        tools = {name: tool.model_dump(exclude_none=True) for name, tool in case.tools.items()}
        await _say(
            self._websocket,
            {
                "type": "case",
                "case": case.name,
                "title": case.title,
                "url": url,
                "device_id": device_id,
                "tokens": ["token-1", "token-2", "token-3"],
                "tools": tools,
            },
        )

    async def act(self, action: Mapping[str, Any]) -> None:
        """Let the adapter do `action`, and wait until it has."""
        await _say(self._websocket, {"type": "do", **action})
        await self._answer("done")

    async def state(self) -> Mapping[str, Any]:
        """Ask what the client shows now."""
        await _say(self._websocket, {"type": "show"})
        shown: Mapping[str, Any] = (await self._answer("state"))["state"]
        return shown

    async def _answer(self, kind: str) -> dict[str, Any]:
        with trio.move_on_after(self._patience_s):
            message = await _heard(self._websocket, kind, "failed")
            if message["type"] == "failed":
                raise NotConformingError(f"the adapter failed: {message.get('message')}")
            return message
        raise NotConformingError(f"the adapter did not answer within {self._patience_s} s")


async def _serve_device(
    request: WebSocketRequest, stream: FreezableStream, arrivals: trio.MemorySendChannel[Arrival]
) -> None:
    bearer = dict(request.headers).get(b"authorization", b"").decode().removeprefix("Bearer ") or None
    arrival = Arrival()
    arrivals.send_nowait(arrival)
    await arrival.decided()
    if arrival.refused is not None:
        await request.reject(arrival.refused, extra_headers=[(b"Retry-After", b"1")])
        return
    socket = DeviceSocket(await request.accept(), stream, bearer)
    arrival.opened(socket)
    await socket.run()


async def _say(websocket: WebSocketConnection, message: Mapping[str, Any]) -> None:
    await websocket.send_message(json.dumps(message))


async def _heard(websocket: WebSocketConnection, *kinds: str) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(await websocket.get_message())
    if message.get("type") not in kinds:
        raise NotConformingError(f"the adapter sent {message.get('type')}, not {' or '.join(kinds)}")
    return message
