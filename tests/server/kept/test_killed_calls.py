"""A server is killed at each state of a device's call: the tool runs at most once, and its change is told once."""

from __future__ import annotations

import json
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import trio

from client.terminal.connection import Connection, open_connection
from streaming.wire import PROTOCOL_VERSION
from tests.model_server import Never, ReceivedRequest, Step, tool_calls
from tests.server.kept.test_kills import World, opened, say
from tests.server.tessera import last_user_message, tool_messages

pytestmark = pytest.mark.slow

STATES = ("offered", "accepted", "result", "stored", "acknowledged")
"""The state of a call when the server is killed.

`result`: the device has sent the result, and the server has not read it. `stored`: the server has stored the change,
and the acknowledgement is lost.
"""


@dataclass
class Phone:
    """A device with a journal, which outlives its sockets. It does each step of a call when the test says so."""

    state: str
    device_id: UUID = field(default_factory=uuid4)
    request_id: UUID = field(default_factory=uuid4)
    calls: list[dict[str, Any]] = field(default_factory=list)
    runs: int = 0
    journal: dict[str, Any] | None = None
    """The frame with the result, until the server acknowledges it."""
    acknowledged: int = 0

    @asynccontextmanager
    async def connected(self, world: World) -> AsyncIterator[tuple[Connection, dict[str, Any]]]:
        """A socket and its `device_ready`."""
        async with open_connection(world.server.url("ws")) as connection:
            await say(
                connection,
                type="device_hello",
                token=world.token,
                device_id=str(self.device_id),
                protocol_versions=[PROTOCOL_VERSION],
                client={"name": "t", "version": "1", "platform": "terminal"},
                features=["ledger"],
            )
            yield connection, await self.hear(connection, "device_ready")

    async def hear(self, connection: Connection, kind: str) -> dict[str, Any]:
        """The next frame of this type. Notes calls."""
        with trio.fail_after(60):
            while True:
                frame: dict[str, Any] = json.loads(await connection.receive_raw())
                if frame["type"] == "tool_call":
                    self.calls.append(frame)
                if frame["type"] == kind:
                    return frame

    async def accept(self, connection: Connection) -> None:
        await say(connection, type="tool_accepted", call_id=self.calls[0]["call_id"])

    def run(self) -> None:
        """Run the tool, and write the result to the journal."""
        self.runs += 1
        call = self.calls[0]
        self.journal = {
            "type": "tool_result", "call_id": call["call_id"], "request_id": str(self.request_id),
            "tool": call["tool"], "id": self.state, "ok": True, "data": {"id": self.state, **call["args"]["data"]},
        }  # fmt: skip

    async def send_result(self, connection: Connection) -> None:
        assert self.journal is not None
        await say(connection, **self.journal)

    async def hear_acknowledgement(self, connection: Connection) -> None:
        frame = await self.hear(connection, "tool_ack")
        assert frame["call_id"] == self.calls[0]["call_id"]
        self.acknowledged += 1


def create_then_hang(asked: ReceivedRequest) -> list[Step]:
    """Create a task with the message as its title."""
    return [Never()] if tool_messages(asked) else tool_calls(("create_task", {"title": last_user_message(asked)}))


async def reach(phone: Phone, connection: Connection) -> None:
    """Ask for a task, and bring its call to the phone's state, except for `result`."""
    await say(connection, type="home_request", request_id=str(phone.request_id), message=f"Remind me: {phone.state}.")
    await phone.hear(connection, "tool_call")
    if phone.state == "offered":
        return
    await phone.accept(connection)
    if phone.state in {"stored", "acknowledged"}:
        phone.run()
        await phone.send_result(connection)
        await phone.hear_acknowledgement(connection)
        if phone.state == "acknowledged":
            phone.journal = None
    else:  # the server has read `tool_accepted`
        await say(connection, type="ping")
        await phone.hear(connection, "pong")


async def test_a_call_runs_once_and_its_change_is_told_once_at_whichever_state_the_server_is_killed(
    database: str, tmp_path: Path
) -> None:
    phones = {state: Phone(state) for state in STATES}
    away = Phone("away")
    async with opened(database, tmp_path) as world:
        world.script(create_then_hang)
        async with AsyncExitStack() as sockets:
            connections = {}
            for state, phone in phones.items():
                connections[state], _ = await sockets.enter_async_context(phone.connected(world))
                await reach(phone, connections[state])
            world.server.process.send_signal(signal.SIGSTOP)
            phones["result"].run()
            await phones["result"].send_result(connections["result"])
            world.kill()
        phones["accepted"].run()  # the tool ends without the server
        asked = len(world.model.requests)
        await world.start()
        for state, phone in phones.items():
            async with phone.connected(world) as (connection, ready):
                assert ready["resume"] == "new"
                states = [(one["request_id"], one["state"]) for one in ready["requests"]]
                assert states == [(str(phone.request_id), "failed")]
                before = phone.acknowledged
                if phone.journal is not None:
                    for _ in range(2):
                        await phone.send_result(connection)
                        await phone.hear_acknowledgement(connection)
                await say(connection, type="ping")
                await phone.hear(connection, "pong")
                assert phone.acknowledged - before == (2 if state in {"accepted", "result", "stored"} else 0)
                # No call is offered by another server: only the one before the kill was.
                assert (len(phone.calls), phone.runs) == (1, 0 if state == "offered" else 1)
            result = (await world.fetch(phone.request_id)).json()
            assert (result["status"], result["error"]["code"]) == ("failed", "server_lost")
            # The server can't know whether a device that was offered the call has run it.
            assert result["error"]["retryable"] is False
            listed = [(one["op"], one["id"]) for one in result["mutations"]]
            assert listed == ([] if state == "offered" else [("create", state)]), state
        assert len(world.model.requests) == asked
        async with open_connection(world.server.url("ws")) as connection:
            await say(
                connection,
                type="device_hello",
                token=world.token,
                device_id=str(away.device_id),
                protocol_versions=[PROTOCOL_VERSION],
                client={"name": "t", "version": "1", "platform": "terminal"},
                features=["changes"],
                changes_after=0,
            )
            ready = await away.hear(connection, "device_ready")
            assert ready["changes"] == {"last": 4, "missed": "sent"}
            told = [(await away.hear(connection, "mutation"))["id"] for _ in range(4)]
        assert sorted(told) == sorted(state for state in STATES if state != "offered")
