"""A client that reconnects and resumes: a small reducer, a journal of calls, and sockets that are cut."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol
from uuid import uuid4

import trio

from tests.server.memory_server import MemoryServer, hello
from tests.server.memory_socket import MemorySocket

Tools = Callable[[str, dict[str, Any]], Any]


@dataclass
class Cut:
    """Cuts the connection at the frame number `at` of one direction, over all sockets.

    `lost`: the frame does not arrive. Otherwise it arrives, and nothing after it does. `every`: cuts at each frame of
    an answer; a call is not cut, because the device could never answer it.
    """

    side: Literal["server", "client"]
    at: int = -1
    lost: bool = False
    every: bool = False
    frames: int = 0
    done: int = 0

    def due(self, side: str, text: str) -> bool:
        if side != self.side or (self.every and '"stream_' not in text):
            return False
        self.frames += 1
        due = self.every or self.frames - 1 == self.at
        self.done += due
        return due


class CutSocket(MemorySocket):
    """A memory socket that a `Cut` ends. `device_ready` and `device_hello` are not cut: they are not processed yet."""

    def __init__(self, cut: Cut | None) -> None:
        super().__init__()
        self._cut = cut

    def _arrives(self, side: str, text: str) -> bool:
        """Whether this frame arrives. Ends the connection if its time has come."""
        if self._cut is None or "device_ready" in text or "device_hello" in text or not self._cut.due(side, text):
            return True
        self._ending = True
        return not self._cut.lost

    _ending = False

    async def send(self, text: str) -> None:
        if not self._ending and self._arrives("server", text):
            await super().send(text)
        await trio.lowlevel.checkpoint()
        self._end()

    def try_send(self, message: bytes) -> int | None:
        if self._ending:
            return None
        unsent = super().try_send(message) if self._arrives("server", message.decode()) else 0
        self._end()
        return unsent

    async def say(self, **frame: Any) -> None:
        if not self._ending and self._arrives("client", str(frame)):
            await super().say(**frame)
        self._end()

    def _end(self) -> None:
        if self._ending:
            self._to_peer.close()
            self._to_server.close()


class PeerSocket(Protocol):
    """The client's side of a socket. Both methods raise when it has closed."""

    async def say(self, **frame: Any) -> None: ...

    async def hear(self) -> dict[str, Any]: ...


@dataclass
class Screen:
    """What the person sees, and what was done: the reducer of every frame. Applying a frame twice changes nothing."""

    blocks: dict[tuple[str, int], tuple[str, Any]] = field(default_factory=dict)
    begun: dict[str, str] = field(default_factory=dict)
    ends: dict[str, dict[str, Any]] = field(default_factory=dict)

    def apply(self, frame: dict[str, Any]) -> None:
        kind, request_id = frame["type"], frame.get("request_id", "")
        match kind:
            case "stream_start" | "popup_domain":
                self.begun[request_id] = frame.get("agent") or frame["domain"]
            case "stream_text":
                key = request_id, frame["block"]
                before = "" if frame.get("replace") or key not in self.blocks else self.blocks[key][1]
                self.blocks[key] = "text", before + frame["chunk"]
            case "stream_block":
                self.blocks[request_id, frame["block"]] = frame["block_type"], frame["data"]
            case "stream_end":
                self.ends[request_id] = {k: v for k, v in frame.items() if k != "seq"}


class ResumingClient:
    """One device. `run` asks and reconnects until every request has ended."""

    def __init__(self, server: MemoryServer, tools: Tools, cut: Cut | None = None, *, approver: bool = False) -> None:
        """`approver`: another device approves every call; this one never answers the question."""
        self.server = server
        self.screen = Screen()
        self.ran: Counter[str] = Counter()
        self.processed_ends: Counter[str] = Counter()
        self.acknowledged: set[str] = set()
        self.outcomes: list[str] = []
        self._tools = tools
        self._cut = cut
        self._approver = approver
        self._features = ["block_open", "ledger", *(["approvals"] if approver else [])]
        self._device_id = uuid4()
        self._session: tuple[str, int] | None = None
        self._journal: dict[str, dict[str, Any]] = {}

    async def run(self, *requests: dict[str, Any]) -> None:
        async with self.server.running(), trio.open_nursery() as nursery:
            if self._approver:
                await nursery.start(self._approve)
            with trio.fail_after(60):
                while any(str(request["request_id"]) not in self.screen.ends for request in requests):
                    await self._connection(requests)
                await self._finished()
            nursery.cancel_scope.cancel()

    async def _finished(self) -> None:
        """Every request has ended. The server still runs."""

    async def _approve(self, task_status: trio.TaskStatus[None]) -> None:
        async with self.server.device(features=["ledger", "approvals"]) as socket:
            task_status.started()
            while True:
                frame = await socket.hear()
                if frame["type"] == "approval_request":
                    await socket.say(type="approval", call_id=frame["call_id"], approved=True)

    async def _connection(self, requests: Sequence[dict[str, Any]]) -> None:
        socket = CutSocket(self._cut)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.server.run_session, socket)
            resume = {} if self._session is None else dict(zip(("session_id", "seq"), self._session, strict=True))
            asked = {"resume": resume} if resume else {}
            await socket.say(**hello(self.server.token(), self._device_id, features=self._features, **asked))
            with suppress(trio.EndOfChannel, trio.ClosedResourceError, trio.BrokenResourceError):
                await self._serve(socket, requests)
            socket.hang_up()

    async def _serve(self, socket: PeerSocket, requests: Sequence[dict[str, Any]]) -> None:
        ready = await socket.hear()
        self.outcomes.append(ready["resume"])
        assert ready["resume"] == ("new" if self._session is None else "resumed")
        self._session = ready["session_id"], ready["seq"] if self._session is None else self._session[1]
        known = {state["request_id"]: state["state"] for state in ready["requests"]}
        assert "lost" not in known.values()
        for request in requests:
            if str(request["request_id"]) not in known:
                await socket.say(**request)
        seq = ready["seq"]
        while any(str(request["request_id"]) not in self.screen.ends for request in requests):
            frame = await socket.hear()
            seq += 1
            assert frame["seq"] == seq
            await self._process(socket, frame)

    async def _process(self, socket: PeerSocket, frame: dict[str, Any]) -> None:
        assert self._session is not None
        match frame["type"]:
            case "tool_call":
                self._session = self._session[0], frame["seq"]
                await self._call(socket, frame)
                return
            case "tool_cancel":
                assert frame["confirm"] is True
                self._session = self._session[0], frame["seq"]
                fault = {"code": "not_started", "message": ""}
                result = self._journal.get(frame["call_id"], {"ok": False, "error": fault})
                await socket.say(type="tool_result", call_id=frame["call_id"], **result)
                return
            case "tool_ack":
                self.acknowledged.add(frame["call_id"])
                self._journal.pop(frame["call_id"], None)
            case "data_request":
                self._session = self._session[0], frame["seq"]
                item = self._tools("get", {"id": frame["id"]})
                await socket.say(type="data_response", data_id=frame["data_id"], items=[item])
                return
            case "stream_end":
                self.processed_ends[frame["request_id"]] += 1
            case "error":
                raise AssertionError(frame)
        self.screen.apply(frame)
        self._session = self._session[0], frame["seq"]

    async def _call(self, socket: PeerSocket, frame: dict[str, Any]) -> None:
        call_id = frame["call_id"]
        if self._approver and frame["requires_approval"]:
            return  # the question waits
        if call_id not in self._journal:
            assert "accepted" not in frame, "the journal of this client is never lost"
            self._journal[call_id] = {}
            await socket.say(type="tool_accepted", call_id=call_id)
            self.ran[frame["tool"]] += 1
            self._journal[call_id] = {"ok": True, "data": self._tools(frame["tool"], frame["args"])}
        else:
            assert frame.get("offered_again") is True
        await socket.say(type="tool_result", call_id=call_id, **self._journal[call_id])


def home(message: str = "hello") -> dict[str, Any]:
    return {"type": "home_request", "request_id": uuid4(), "message": message}


def popup(entity: str, identity: str) -> dict[str, Any]:
    scope = {"type": entity, "id": identity}
    return {"type": "popup_request", "request_id": uuid4(), "message": "what is it?", "scope": scope}
