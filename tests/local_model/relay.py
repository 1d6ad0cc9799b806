"""A relay on loopback between the server and the model: it forwards every byte unchanged and records the requests.

The model's own server tells nobody when a caller hangs up; the relay does.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import h11
import trio


@dataclass
class Call:
    """One connection. `hung_up` is set if the caller closed it, `answered` if the model's server closed it first."""

    requests: list[dict[str, Any]] = field(default_factory=list)
    hung_up: trio.Event = field(default_factory=trio.Event)
    answered: bool = False

    @property
    def schema_name(self) -> str | None:
        """The name of the JSON Schema in the request: `intent` for routing, `blocks` for answers."""
        schema = self.requests[0].get("response_format", {}).get("json_schema", {})
        return str(schema["name"]) if "name" in schema else None


@dataclass
class Relay:
    """`url` replaces the model's base URL; `calls` has one entry per connection, in the order of arrival."""

    url: str
    calls: list[Call] = field(default_factory=list)

    def answers(self) -> list[Call]:
        """All calls except those for routing."""
        return [call for call in self.calls if call.requests and call.schema_name != "intent"]


@asynccontextmanager
async def open_relay(model_url: str) -> AsyncIterator[Relay]:
    """Relay to the server at `model_url` while the block runs."""
    target = urlsplit(model_url)
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    relay = Relay(f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}{target.path}")

    async def handle(caller: trio.SocketStream) -> None:
        call = Call()
        relay.calls.append(call)
        async with caller:
            try:
                model = await trio.open_tcp_stream(str(target.hostname), int(target.port or 80))
            except OSError:
                return  # the model's server has ended; the caller sees a closed connection
            async with model, trio.open_nursery() as nursery:
                nursery.start_soon(_pass_request, caller, model, call, nursery.cancel_scope)
                nursery.start_soon(_pass_answer, model, caller, call, nursery.cancel_scope)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, handle, listeners)
        yield relay
        nursery.cancel_scope.cancel()


async def _pass_request(
    caller: trio.SocketStream, model: trio.SocketStream, call: Call, scope: trio.CancelScope
) -> None:
    http, body = h11.Connection(h11.SERVER), bytearray()
    try:
        async for data in caller:
            http.receive_data(bytes(data))
            while (event := http.next_event()) is not h11.NEED_DATA:
                if isinstance(event, h11.Data):
                    body += event.data
                elif isinstance(event, h11.EndOfMessage):
                    call.requests.append(json.loads(body))
                    break
            await model.send_all(data)
    except trio.BrokenResourceError:
        pass  # one of the two sides has closed the connection
    call.hung_up.set()
    scope.cancel()


async def _pass_answer(
    model: trio.SocketStream, caller: trio.SocketStream, call: Call, scope: trio.CancelScope
) -> None:
    try:
        async for data in model:
            await caller.send_all(data)
        call.answered = not call.hung_up.is_set()
    except trio.BrokenResourceError:
        pass  # as above
    scope.cancel()
