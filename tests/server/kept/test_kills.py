"""A server that is killed: its requests are known afterwards, no retry runs anything twice, and no change is lost."""

from __future__ import annotations

import json
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import trio
from cryptography.fernet import Fernet

from client.terminal.account import register
from client.terminal.connection import Connection, open_connection
from streaming.wire import PROTOCOL_VERSION
from tests.database import login_settings
from tests.model_server import ModelServer, Never, ReceivedRequest, Step, open_model_server, text_stream, tool_calls
from tests.server.server_process import EMAIL, PASSWORD, Server
from tests.server.tessera import is_routing, text_block, tool_messages

pytestmark = pytest.mark.slow

RENT = {"title": "Pay the rent"}


@dataclass
class App:
    """The app on one device: its tasks survive its sockets, and the server."""

    device_id: UUID = field(default_factory=uuid4)
    created: list[str] = field(default_factory=list)
    changes: list[tuple[int | None, str]] = field(default_factory=list)
    last: int | None = None

    async def hear(self, connection: Connection, *types: str) -> dict[str, Any]:
        """The next frame of these types. Runs tools and notes changes meanwhile."""
        with trio.fail_after(60):
            while True:
                frame = json.loads(await connection.receive_raw())
                match frame["type"]:
                    case "tool_call":
                        self.created.append(frame["args"]["data"]["title"])
                        data = {"id": f"t{len(self.created)}", **frame["args"]["data"]}
                        await say(connection, type="tool_result", call_id=frame["call_id"], ok=True, data=data)
                    case "mutation":
                        self.changes.append((frame["change"], frame["id"]))
                        self.last = frame["change"]
                if frame["type"] in types:
                    return frame  # type: ignore[no-any-return]

    @asynccontextmanager
    async def connected(self, server: Server, token: str) -> AsyncIterator[tuple[Connection, dict[str, Any]]]:
        """A socket and its `device_ready`."""
        async with open_connection(server.url("ws")) as connection:
            await say(
                connection,
                type="device_hello",
                token=token,
                device_id=str(self.device_id),
                protocol_versions=[PROTOCOL_VERSION],
                client={"name": "t", "version": "1", "platform": "terminal"},
                features=["changes"],
                **({} if self.last is None else {"changes_after": self.last}),
            )
            yield connection, await self.hear(connection, "device_ready")


async def say(connection: Connection, **frame: Any) -> None:
    await connection.send_raw(json.dumps(frame))


class World:
    """A model, and one server after the other on the same database."""

    def __init__(self, model: ModelServer, database: str, folder: Path) -> None:
        self.model = model
        self._folder = folder
        self._settings = {
            **login_settings(database),
            "TESSERA_MASTER_KEYS": Fernet.generate_key().decode(),
            "TESSERA_MODEL_URL": model.url,
            "TESSERA_MODEL_NAME": "scripted",
            "TESSERA_MODEL_SHAPE": "hosted",
            "TESSERA_MODEL_ATTEMPTS": "1",
        }
        self.server: Server = None  # type: ignore[assignment]
        self.token = ""
        self.hanging = trio.Event()
        """The model was asked for something that it never answers."""

    async def start(self) -> None:
        self.server = await trio.to_thread.run_sync(lambda: Server(self._folder / "state", **self._settings))
        if not self.token:
            self.token = (await register(self.server.url("http"), EMAIL, PASSWORD)).access_token

    def kill(self) -> None:
        self.server.process.send_signal(signal.SIGKILL)
        self.server.process.wait()
        assert self.server.process.stdout is not None
        self.server.process.stdout.close()

    def script(self, answer: Callable[[ReceivedRequest], list[Step]]) -> None:
        def reply(request: ReceivedRequest) -> list[Step]:
            steps = text_stream('{"agent":"task_agent"}') if is_routing(request) else answer(request)
            if isinstance(steps[0], Never):
                self.hanging.set()
            return steps

        self.model.fallback = reply

    async def fetch(self, request_id: UUID) -> httpx.Response:
        async with httpx.AsyncClient(trust_env=False) as client:
            headers = {"Authorization": f"Bearer {self.token}"}
            return await client.get(f"{self.server.url('http')}/api/v1/requests/{request_id}", headers=headers)


@asynccontextmanager
async def opened(database: str, folder: Path) -> AsyncIterator[World]:
    async with trio.open_nursery() as nursery, open_model_server(nursery) as model:
        world = World(model, database, folder)
        await world.start()
        try:
            yield world
        finally:
            world.server.end()


def create_then_hang(request: ReceivedRequest) -> list[Step]:
    return [Never()] if tool_messages(request) else tool_calls(("create_task", RENT))


@pytest.mark.parametrize("changed", [False, True])
async def test_a_running_request_of_a_killed_server_has_failed_and_is_not_run_again(
    database: str, tmp_path: Path, changed: bool
) -> None:
    app, request = App(), {"type": "home_request", "request_id": str(uuid4()), "message": "Remind me of the rent."}
    request_id = UUID(request["request_id"])
    async with opened(database, tmp_path) as world:
        world.script(create_then_hang if changed else lambda _: [Never()])
        async with app.connected(world.server, world.token) as (connection, _):
            await say(connection, **request)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(app.hear, connection, "stream_end")
                await world.hanging.wait()
                nursery.cancel_scope.cancel()
            world.kill()
        asked = len(world.model.requests)
        await world.start()
        async with app.connected(world.server, world.token) as (connection, ready):
            assert ready["requests"] == [{"request_id": str(request_id), "state": "failed", "reason": "server_lost"}]
            for _ in range(2):
                await say(connection, **request)
                result = await app.hear(connection, "request_result", "error")
                assert (result["type"], result["status"]) == ("request_result", "failed")
                assert (result["error"]["code"], result["error"]["retryable"]) == ("server_lost", not changed)
        fetched = await world.fetch(request_id)
        assert (fetched.status_code, fetched.json()["error"]["code"]) == (200, "server_lost")
        assert len(world.model.requests) == asked
        assert app.created == (["Pay the rent"] if changed else [])


async def test_a_kept_answer_is_fetched_after_a_kill_and_not_made_again(database: str, tmp_path: Path) -> None:
    app, request = App(), {"type": "home_request", "request_id": str(uuid4()), "message": "Remind me of the rent."}
    request_id = UUID(request["request_id"])
    async with opened(database, tmp_path) as world:
        world.script(lambda asked: text_block("Done.") if tool_messages(asked) else tool_calls(("create_task", RENT)))
        async with app.connected(world.server, world.token) as (connection, _):
            await say(connection, **request)
            end = await app.hear(connection, "stream_end")
            assert end["status"] == "completed"
            world.kill()
        asked = len(world.model.requests)
        await world.start()
        fetched = (await world.fetch(request_id)).json()
        assert (fetched["status"], fetched["blocks"][0]["content"]) == ("completed", "Done.")
        assert fetched["mutations"] == end["mutations"] != []
        assert (await world.fetch(uuid4())).status_code == 404
        async with app.connected(world.server, world.token) as (connection, ready):
            assert [(one["request_id"], one["state"]) for one in ready["requests"]] == [(str(request_id), "completed")]
            await say(connection, **request)
            again = await app.hear(connection, "request_result", "error", "stream_start")
            assert (again["type"], again["blocks"]) == ("request_result", fetched["blocks"])
            await say(connection, **request | {"message": "Something else."})
            other = await app.hear(connection, "request_result", "error", "stream_start")
            assert other["code"] == "duplicate_request"
        async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
            url, headers = f"{world.server.url('http')}/api/v1/chat", {"Authorization": f"Bearer {world.token}"}
            body = {"message": request["message"], "request_id": str(request_id)}
            assert (await client.post(url, json=body, headers=headers)).json()["status"] == "completed"
        assert len(world.model.requests) == asked
        assert app.created == ["Pay the rent"]


async def test_no_acknowledged_change_is_lost_and_none_arrives_twice(database: str, tmp_path: Path) -> None:
    phone, laptop = App(), App()
    mutations = [str(uuid4()) for _ in range(20)]

    async def send(connection: Connection, number: int) -> None:
        await say(
            connection, type="mutation", op="create", entity="task", id=f"t{number}", data=RENT,
            mutation_id=mutations[number],
        )  # fmt: skip

    async with opened(database, tmp_path) as world:
        async with laptop.connected(world.server, world.token) as (connection, ready):
            assert ready["changes"] == {"last": 0, "missed": "none"}
        acknowledged: dict[str, int] = {}
        async with phone.connected(world.server, world.token) as (connection, _):
            for number in range(20):
                await send(connection, number)
            while len(acknowledged) < 8:
                ack = await phone.hear(connection, "mutation_ack")
                acknowledged[ack["mutation_id"]] = ack["change"]
            world.kill()
        await world.start()
        async with phone.connected(world.server, world.token) as (connection, _):
            for number in range(20):  # it may have missed any acknowledgement, so it sends all again
                await send(connection, number)
            for _ in range(20):
                ack = await phone.hear(connection, "mutation_ack")
                assert acknowledged.setdefault(ack["mutation_id"], ack["change"]) == ack["change"]
        assert [acknowledged[mutation] for mutation in mutations] == list(range(1, 21))
        async with laptop.connected(world.server, world.token) as (connection, ready):
            assert ready["changes"] == {"last": 20, "missed": "sent"}
            while len(laptop.changes) < 20:
                await laptop.hear(connection, "mutation")
        assert laptop.changes == [(number + 1, f"t{number}") for number in range(20)]
        async with laptop.connected(world.server, world.token) as (connection, ready):
            assert ready["changes"] == {"last": 20, "missed": "none"}
            await say(connection, type="ping")
            await laptop.hear(connection, "pong")
        assert len(laptop.changes) == 20
