"""A scripted model server on loopback, for tests: OpenAI-compatible, real sockets, no added delays.

    async with open_model_server(nursery) as server:
        server.reply(text_stream("Good morning", usage=(12, 2)))
        config = ModelConfig(name="test", url=server.url)
        ...
        assert server.requests[0].body["model"] == "test"

A reply is a list of steps, or a function from the request to such a list. Replies are used up in order. When none is
left, `ModelServer.fallback` answers. Tests of concurrent requests set it to a function that looks at the request.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import h11
import trio


@dataclass(frozen=True)
class Head:
    """Send the status and headers. A reply that has none begins with 200 and `text/event-stream`."""

    status: int = 200
    content_type: str = "text/event-stream"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Send:
    """Send these bytes as one HTTP chunk."""

    data: bytes


@dataclass(frozen=True)
class Wait:
    """Go on when `event` is set."""

    event: trio.Event


@dataclass(frozen=True)
class Mark:
    """Set `event`: the steps before this one were done."""

    event: trio.Event


@dataclass(frozen=True)
class Close:
    """Close the connection immediately, in the middle of the body, or before the head."""


@dataclass(frozen=True)
class Never:
    """Send nothing more, and keep the connection open until the client closes it."""


Step = Head | Send | Wait | Mark | Close | Never
Reply = Sequence[Step] | Callable[["ReceivedRequest"], Sequence[Step]]


@dataclass
class Connection:
    """One TCP connection. `closed` is set when the client has closed it."""

    closed: trio.Event = field(default_factory=trio.Event)


@dataclass(frozen=True)
class ReceivedRequest:
    """One request as it came. `body` is its parsed JSON; header names are in lower case."""

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]
    connection: Connection


class ModelServer:
    """What a test sees of the server."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/v1"
        self.requests: list[ReceivedRequest] = []
        self.connections: list[Connection] = []
        self.fallback: Reply = error_status(500, {"error": {"message": "no reply was scripted", "code": "no_script"}})
        self._replies: deque[Reply] = deque()
        self._arrived = trio.Condition()

    def reply(self, *replies: Reply) -> None:
        """Answer the next requests so, one each, in order."""
        self._replies.extend(replies)

    async def wait_request(self, number: int = 0) -> ReceivedRequest:
        """Request number `number`, from 0; waits until it is there."""
        async with self._arrived:
            while len(self.requests) <= number:
                await self._arrived.wait()
        return self.requests[number]

    async def receive(self, request: ReceivedRequest) -> Sequence[Step]:
        """Note `request` and choose what answers it."""
        async with self._arrived:
            self.requests.append(request)
            self._arrived.notify_all()
        reply = self._replies.popleft() if self._replies else self.fallback
        return reply(request) if callable(reply) else reply


@asynccontextmanager
async def open_model_server(nursery: trio.Nursery) -> AsyncIterator[ModelServer]:
    """A running server whose tasks live in `nursery` and end on leaving."""
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    server = ModelServer(listeners[0].socket.getsockname()[1])
    scope = trio.CancelScope()
    ended = trio.Event()

    async def handle(stream: trio.SocketStream) -> None:
        await _Handler(server, stream).run()

    async def serve() -> None:
        try:
            with scope:
                await trio.serve_listeners(handle, listeners)
        finally:
            ended.set()

    nursery.start_soon(serve)
    try:
        yield server
    finally:
        scope.cancel()
        with trio.CancelScope(shield=True):
            await ended.wait()


class _Handler:
    """Serves one connection: request after request, watching all the while for the client to close it."""

    def __init__(self, server: ModelServer, stream: trio.SocketStream) -> None:
        self.server = server
        self.stream = stream
        self.http = h11.Connection(h11.SERVER)
        self.connection = Connection()
        self.headed = False
        server.connections.append(self.connection)

    async def run(self) -> None:
        try:
            async with self.stream:
                while (request := await self.next_request()) is not None:
                    if not await self.answer(await self.server.receive(request)):
                        return
                    if self.http.our_state is h11.MUST_CLOSE:
                        return  # the client wants one answer on each connection
                    self.http.start_next_cycle()
                    self.headed = False
        except (trio.BrokenResourceError, h11.RemoteProtocolError):
            self.connection.closed.set()

    async def next_request(self) -> ReceivedRequest | None:
        head: h11.Request | None = None
        body = bytearray()
        while True:
            match self.http.next_event():
                case h11.NEED_DATA:
                    await self.read()
                case h11.Request() as head:
                    pass
                case h11.Data(data=data):
                    body += data
                case h11.EndOfMessage() if head is not None:
                    headers = {name.decode(): value.decode() for name, value in head.headers}
                    return ReceivedRequest(head.target.decode(), headers, json.loads(body), self.connection)
                case _:
                    return None

    async def read(self) -> bool:
        """Take in what comes next; False when the client has closed the connection."""
        data = await self.stream.receive_some(1 << 16)
        self.http.receive_data(data)
        if not data:
            self.connection.closed.set()
        return bool(data)

    async def answer(self, steps: Sequence[Step]) -> bool:
        """Run the script. False when the connection is done for."""
        whole = False

        async def run_steps() -> None:
            nonlocal whole
            try:
                for step in steps:
                    if not await self.do(step):
                        return
                if not self.headed:
                    await self.do(Head())
                await self.stream.send_all(self.http.send(h11.EndOfMessage()) or b"")
                whole = True
            except trio.BrokenResourceError:
                self.connection.closed.set()
            finally:
                nursery.cancel_scope.cancel()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(run_steps)
            try:
                while await self.read():
                    pass
            except trio.BrokenResourceError:
                self.connection.closed.set()
            nursery.cancel_scope.cancel()
        return whole

    async def do(self, step: Step) -> bool:
        match step:
            case Head(status, content_type, extra):
                self.headed = True
                headers = {"content-type": content_type, "transfer-encoding": "chunked", **extra}
                head = h11.Response(status_code=status, headers=list(headers.items()))
                await self.stream.send_all(self.http.send(head) or b"")
            case Send(data):
                if not self.headed:
                    await self.do(Head())
                await self.stream.send_all(self.http.send(h11.Data(data=data)) or b"")
            case Wait(event):
                await event.wait()
            case Mark(event):
                event.set()
            case Never():
                await trio.sleep_forever()
            case Close():
                return False
        return True


# ---- replies --------------------------------------------------------------------------------------------------------


def sse(payload: Mapping[str, Any] | str) -> Send:
    """One server-sent event with `payload` as its data."""
    data = payload if isinstance(payload, str) else json.dumps(payload)
    return Send(f"data: {data}\n\n".encode())


def chunk(delta: Mapping[str, Any], finish: str | None = None) -> Send:
    """One chat completion chunk."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return sse({"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "test", "choices": [choice]})


def text(*tokens: str) -> list[Step]:
    """A chunk of text for each token, and no end: for scripts that go on."""
    return [chunk({"content": token}) for token in tokens]


def end(finish: str = "stop", usage: tuple[int, int] | None = None) -> list[Step]:
    """The finish reason, the usage (input and output tokens), and `[DONE]`."""
    steps: list[Step] = [chunk({}, finish)]
    if usage is not None:
        counts = {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}
        steps.append(sse({"object": "chat.completion.chunk", "model": "test", "choices": [], "usage": counts}))
    return [*steps, sse("[DONE]")]


def text_stream(*tokens: str, usage: tuple[int, int] | None = None, finish: str = "stop") -> list[Step]:
    """A whole answer of text. One string is cut into tokens of four characters, several are sent as they are."""
    if len(tokens) == 1:
        tokens = tuple(tokens[0][at : at + 4] for at in range(0, len(tokens[0]), 4))
    return [*text(*tokens), *end(finish, usage)]


def tool_calls(
    *calls: tuple[str, Mapping[str, Any]], usage: tuple[int, int] | None = None, prefix: str = "call"
) -> list[Step]:
    """A whole answer of tool calls, `(name, arguments)` each; ids are `call_0`, `call_1`, ..., arguments in pieces."""
    steps: list[Step] = []
    for index, (name, arguments) in enumerate(calls):
        opening = {"index": index, "id": f"{prefix}_{index}", "type": "function"}
        steps.append(chunk({"tool_calls": [{**opening, "function": {"name": name, "arguments": ""}}]}))
        written = json.dumps(arguments)
        for at in range(0, len(written), 7):
            piece = {"index": index, "function": {"arguments": written[at : at + 7]}}
            steps.append(chunk({"tool_calls": [piece]}))
    return [*steps, *end("tool_calls", usage)]


def error_status(
    status: int, body: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
) -> list[Step]:
    """An HTTP error with a JSON body."""
    return [Head(status, "application/json", headers or {}), Send(json.dumps(body or {}).encode())]
