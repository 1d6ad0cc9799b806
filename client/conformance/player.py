"""Plays one case to a client and judges it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, Protocol
from uuid import uuid4

import trio

from client.conformance.cases import (
    Action,
    Case,
    Close,
    Cut,
    Expect,
    Freeze,
    Greet,
    Pattern,
    Refuse,
    Send,
    Silence,
    State,
    Unavailable,
)
from client.conformance.device_socket import Arrival, DeviceSocket, Frame
from client.conformance.pattern import UnboundError, differences, filled
from streaming.wire import PROTOCOL_VERSION

_POLL_S: Final = 0.02
_UNASKED: Final = frozenset({"ping", "changes_seen"})
"""Frames that a client may send at any time."""


class Adapter(Protocol):
    """The client under test, as its adapter presents it."""

    async def act(self, action: Mapping[str, Any]) -> None:
        """Do something as the application or the person. Raises `NotConformingError` if the client can't."""

    async def state(self) -> Mapping[str, Any]:
        """Return what the client shows now."""


class NotConformingError(Exception):
    """The client does not behave as the case says."""


class Player:
    """Plays `case`. `arrivals` gives the client's device sockets. Each wait is bounded by `patience_s`."""

    def __init__(
        self,
        case: Case,
        adapter: Adapter,
        arrivals: trio.MemoryReceiveChannel[Arrival],
        *,
        device_id: str,
        patience_s: float,
    ) -> None:
        self._case = case
        self._adapter = adapter
        self._arrivals = arrivals
        self._patience_s = patience_s
        self._socket: DeviceSocket | None = None
        self._variables: dict[str, Any] = {f"${name}": str(uuid4()) for name in case.ids} | {"$device": device_id}
        self._seq = 0
        self._last_sent = 0
        self._ended_at = trio.current_time()

    async def play(self) -> None:
        """Play all steps. Raises `NotConformingError` with the number of the step and the difference."""
        for number, step in enumerate(self._case.steps, 1):
            try:
                await self._play(step)
            except NotConformingError as error:
                text = json.dumps(step.model_dump(exclude_defaults=True), ensure_ascii=False)
                raise NotConformingError(f"step {number} {text[:300]}: {error}") from None
            except UnboundError as error:
                raise ValueError(f"case {self._case.name}, step {number}: {error}") from None
        await self._no_other_frame()

    async def _play(self, step: object) -> None:
        match step:
            case Action():
                await self._adapter.act(filled(step.model_dump(exclude_none=True), self._variables))
                if step.do == "restart":
                    self._lost()
            case Greet():
                await self._greet(step)
            case Refuse():
                socket = await self._next_socket(step.hello)
                self._lost()
                await socket.close(step.refuse)
            case Unavailable():
                await self._refuse_upgrade(step.unavailable)
            case Send():
                for frame in step.send:
                    await self._send(filled(frame, self._variables))
            case Expect():
                await self._expect(list(step.expect))
            case State():
                await self._state(step.state)
            case Cut():
                await self._open.cut()
                self._lost()
            case Freeze():
                self._open.freeze()
                self._lost()
            case Close():
                socket = self._open
                self._lost()
                await socket.close(step.close)
            case Silence():
                with trio.move_on_after(step.silence_ms / 1000):
                    await self._arrivals.receive()
                    raise NotConformingError("the client has opened a socket")

    @property
    def _open(self) -> DeviceSocket:
        if self._socket is None:
            raise ValueError(f"case {self._case.name}: there is no open socket")
        return self._socket

    def _lost(self) -> None:
        self._socket = None
        self._ended_at = trio.current_time()

    async def _next_socket(self, hello: Pattern) -> DeviceSocket:
        """Wait for the next socket and its `device_hello`."""
        with trio.move_on_after(self._patience_s):
            socket = await (await self._arrivals.receive()).accept()
            frame = await socket.receive()
            if frame is None or frame.get("type") != "device_hello":
                raise NotConformingError(f"the first frame of the socket is {frame}, not device_hello")
            if socket.bearer is not None:
                frame.setdefault("token", socket.bearer)
            self._compare({"protocol_versions": [PROTOCOL_VERSION], **hello}, frame)
            return socket
        raise NotConformingError(f"no socket with device_hello came within {self._patience_s} s")

    async def _refuse_upgrade(self, status: int) -> None:
        with trio.move_on_after(self._patience_s):
            (await self._arrivals.receive()).refuse(status)
            return
        raise NotConformingError(f"no socket came within {self._patience_s} s")

    async def _greet(self, step: Greet) -> None:
        socket = await self._next_socket(step.hello)
        waited_ms = (trio.current_time() - self._ended_at) * 1000
        if waited_ms < step.not_before_ms:
            raise NotConformingError(f"the client came back after {waited_ms:.0f} ms, not after {step.not_before_ms}")
        self._socket = socket
        fields = filled(step.greet, self._variables)
        if fields.get("resume", "new") != "resumed":
            self._variables["$session"] = str(uuid4())
            self._seq = 0
        ready = {
            "type": "device_ready",
            "session_id": self._variables["$session"],
            "protocol_version": PROTOCOL_VERSION,
            "user_id": str(uuid4()),
            "heartbeat_s": 25,
            "limits": {
                "max_frame_bytes": 1_048_576,
                "max_concurrent_requests": 8,
                "max_message_chars": 20_000,
                "resume_grace_s": 120,
            },
            "resume": "new",
            "requests": [],
        }
        await self._send(ready | fields)
        await self._shows({"connection": "online"})
        if fields.get("resume", "new") != "resumed":
            self._variables["$processed"] = self._seq

    async def _send(self, frame: Frame) -> None:
        self._seq = frame.get("seq", self._seq + 1)
        await self._open.send({**frame, "seq": self._seq})
        # The `seq` of a `device_ready` that says `resumed` does not move the client's cursor.
        if frame.get("resume") != "resumed":
            self._last_sent = self._seq

    async def _expect(self, patterns: list[Pattern]) -> None:
        while patterns:
            frame = await self._next_frame()
            found = None
            reasons = []
            for pattern in patterns:
                variables = dict(self._variables)
                if problems := list(differences(pattern, frame, variables)):
                    reasons += problems
                else:
                    found = pattern
                    self._variables = variables
                    break
            if found is not None:
                patterns.remove(found)
            elif not await self._unasked(frame):
                raise NotConformingError(f"the client sent {frame}; {'; '.join(reasons)}")
        self._variables["$processed"] = self._last_sent

    async def _next_frame(self) -> Frame:
        with trio.move_on_after(self._patience_s):
            frame = await self._open.receive()
            if frame is None:
                raise NotConformingError("the client has closed the socket")
            return frame
        raise NotConformingError(f"the client sent nothing within {self._patience_s} s")

    async def _unasked(self, frame: Frame) -> bool:
        if frame.get("type") == "ping":
            await self._send({"type": "pong"})
        return frame.get("type") in _UNASKED

    async def _state(self, pattern: Pattern) -> None:
        await self._shows(pattern)
        self._variables["$processed"] = self._last_sent
        await self._no_other_frame()

    async def _shows(self, pattern: Pattern) -> None:
        """Wait until the client shows `pattern`."""
        problems = ["the client shows no state"]
        with trio.move_on_after(self._patience_s):
            while True:
                variables = dict(self._variables)
                problems = list(differences(pattern, await self._adapter.state(), variables))
                if not problems:
                    self._variables = variables
                    return
                await trio.sleep(_POLL_S)
        raise NotConformingError("; ".join(problems))

    async def _no_other_frame(self) -> None:
        if self._socket is None:
            return
        await self._socket.settle()
        while (frame := self._socket.receive_nowait()) is not None:
            if not await self._unasked(frame):
                raise NotConformingError(f"the client sent a frame that the case does not expect: {frame}")

    def _compare(self, pattern: Pattern, frame: Frame) -> None:
        if problems := list(differences(pattern, frame, self._variables)):
            raise NotConformingError(f"the client sent {frame}; {'; '.join(problems)}")
