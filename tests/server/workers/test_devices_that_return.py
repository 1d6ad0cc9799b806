"""Real processes: a device comes back to another one in mid-answer, and its own process is killed or stopped."""

from __future__ import annotations

import re
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psutil
import pytest
import trio
from cryptography.fernet import Fernet

from client.terminal.account import register
from tests.database import login_settings
from tests.model_server import ModelServer, Never, ReceivedRequest, Step, Wait, open_model_server, text_stream
from tests.model_server import tool_calls as calls
from tests.server.server_process import EMAIL, PASSWORD, Server
from tests.server.server_process import state as state  # noqa: PLC0414 - a fixture
from tests.server.sockets.raw_device import RawDevice
from tests.server.tessera import is_routing, last_user_message, tool_messages
from tests.server.workers.test_supervised import STOP_S, Supervised, sessions
from tests.server.workers.test_supervised import start as start  # noqa: PLC0414 - a fixture

pytestmark = pytest.mark.slow

RENT = {"title": "Pay the rent"}


def request(message: str) -> dict[str, Any]:
    return {"type": "home_request", "request_id": str(uuid4()), "message": message}


class Model:
    """Creates a task and says "One ", then "two." when `go_on` is set. Some messages hang, before or after a change."""

    def __init__(self) -> None:
        self.go_on = trio.Event()
        self.hanging = {changed: trio.Event() for changed in (False, True)}

    def answer(self, asked: ReceivedRequest) -> list[Step]:
        if is_routing(asked):
            return text_stream('{"agent": "task_agent"}')
        message, changed = last_user_message(asked).lower(), bool(tool_messages(asked))
        if "hang" in message and (changed or "change" not in message):
            self.hanging[changed].set()
            return [Never()]
        if not changed:
            return calls(("create_task", RENT))
        steps = text_stream('[{"type":"text","content":"', "One ", "two.", '"}]')
        return [*steps[:2], Wait(self.go_on), *steps[2:]]


@asynccontextmanager
async def scripted() -> AsyncIterator[tuple[Model, ModelServer]]:
    async with trio.open_nursery() as nursery, open_model_server(nursery) as server:
        model = Model()
        server.fallback = model.answer
        yield model, server
        model.go_on.set()


async def served_by_the_other(server: Supervised) -> int:
    """How many sockets were served by another worker than the one that accepted them. Closed sockets are counted."""
    text = await trio.to_thread.run_sync(server.metrics)
    return sum(
        int(float(count)) for count in re.findall(r'^tessera_handovers_total{.*"served".*} (\S+)', text, re.MULTILINE)
    )


async def pid_of_the_owner(server: Supervised) -> int:
    """The worker that has the only session."""
    (at,) = [worker for worker, count in (await sessions(server)).items() if count]
    live = await trio.to_thread.run_sync(server.live)
    (pid,) = [one["pid"] for one in live["servers"] if str(one["worker"]) == at]
    return int(pid)


def test_a_device_returns_to_another_worker_and_its_worker_is_killed(
    state: Path, start: Callable[..., Supervised]
) -> None:
    """Takes ten seconds: a killed worker counts as dead after eight."""

    async def returns(server: Supervised, model: Model, device: RawDevice) -> None:
        asked, url = request("Remind me of the rent."), server.url("ws")
        async with device.connected(url) as socket:
            await socket.say(**asked)
            await socket.hear_text("One ")
        while not await served_by_the_other(server):  # the kernel chooses the worker
            async with device.connected(url) as socket:
                assert socket.ready["resume"] == "resumed"
                assert [one["state"] for one in socket.ready["requests"]] == ["running"]
                await socket.say(type="ping")
                await socket.hear("pong")
        async with device.connected(url) as socket:
            model.go_on.set()
            end = await socket.hear("stream_end")
        assert (end["status"], len(end["mutations"]), device.texts) == ("completed", 1, {0: "One two."})

    async def is_killed(server: Supervised, model: Model, device: RawDevice) -> None:
        changing, reading = request("Change something and hang."), request("hang")
        device.called.clear()
        async with device.connected(server.url("ws")) as socket:
            await socket.say(**changing)
            await socket.hear("tool_call")
            await socket.say(**reading)
            for hanging in model.hanging.values():
                await hanging.wait()
            psutil.Process(await pid_of_the_owner(server)).kill()
            await socket.closed()
        async with device.connected(server.url("ws")) as socket:
            assert socket.ready["resume"] == "lost"
            known = {one["request_id"]: one["state"] for one in socket.ready["requests"]}
            for asked, retryable in ((changing, False), (reading, True)):
                assert known[asked["request_id"]] in {"running", "failed"}
                # Sent again under its id, a request runs nothing.
                for frame in ({"type": "watch", "request_id": asked["request_id"]}, asked):
                    await socket.say(**frame)
                    result = await socket.hear("request_result")
                    while result["status"] == "running":
                        result = await socket.hear("request_result")
                    assert (result["request_id"], result["status"]) == (asked["request_id"], "failed")
                    assert (result["error"]["code"], result["error"]["retryable"]) == ("server_lost", retryable)
            assert len(device.called) == 1
            await socket.say(**request("Remind me of the rent."))
            assert len((await socket.hear("stream_end"))["mutations"]) == 1
            assert len(device.called) == 2

    async def run() -> None:
        async with scripted() as (model, server_of_model):
            launch = partial(
                start,
                state,
                TESSERA_MODEL_URL=server_of_model.url,
                TESSERA_MODEL_NAME="scripted",
                TESSERA_MODEL_SHAPE="hosted",
            )
            server = await trio.to_thread.run_sync(launch)
            account = await register(server.url("http"), EMAIL, PASSWORD)
            device = RawDevice(account.access_token)
            await returns(server, model, device)
            await is_killed(server, model, device)
            assert await trio.to_thread.run_sync(server.stop, signal.SIGTERM) < STOP_S

    trio.run(run)


def test_a_rolling_restart_loses_nothing(database: str, state: Path, tmp_path: Path) -> None:
    async def run(servers: list[Server]) -> None:
        async with scripted() as (model, server_of_model):
            settings = {
                **login_settings(database),
                "TESSERA_MASTER_KEYS": Fernet.generate_key().decode(),
                "TESSERA_RELAY": "true",
                "TESSERA_DRAIN_GRACE_S": "60",
                "TESSERA_MODEL_URL": server_of_model.url,
                "TESSERA_MODEL_NAME": "scripted",
                "TESSERA_MODEL_SHAPE": "hosted",
            }
            for name in ("one", "other"):
                folder = state.parent / name
                folder.mkdir()
                servers.append(await trio.to_thread.run_sync(partial(Server, folder / "state", **settings)))
            one, other = servers
            account = await register(one.url("http"), EMAIL, PASSWORD)
            busy, idle = RawDevice(account.access_token), RawDevice(account.access_token)
            asked = request("Remind me of the rent.")
            async with busy.connected(one.url("ws")) as socket, idle.connected(one.url("ws")) as waiting:
                await socket.say(**asked)
                await socket.hear_text("One ")
                one.process.send_signal(signal.SIGTERM)
                assert (await waiting.hear("draining"))["retry_after_ms"] >= 0
                assert await waiting.closed() == 4001
                await socket.hear("draining")
            # Its socket is lost during the drain: the stopping server still has the answer.
            async with busy.connected(other.url("ws")) as socket, idle.connected(other.url("ws")) as waiting:
                assert (socket.ready["resume"], waiting.ready["requests"]) == ("resumed", [])
                model.go_on.set()
                end = await socket.hear("stream_end")
                assert (end["status"], len(end["mutations"]), busy.texts) == ("completed", 1, {0: "One two."})
                assert await socket.closed() == 4001
            assert await trio.to_thread.run_sync(one.process.wait) == 0
            async with busy.connected(other.url("ws")) as socket:
                assert socket.ready["requests"] == [{"request_id": asked["request_id"], "state": "completed"}]
                await socket.say(**asked)
                assert (await socket.hear("request_result"))["blocks"][0]["content"] == "One two."
            async with httpx.AsyncClient(base_url=other.url("http"), trust_env=False, timeout=30) as client:
                headers = {"Authorization": f"Bearer {account.access_token}"}
                fetched = await client.get(f"/api/v1/requests/{asked['request_id']}", headers=headers)
            assert fetched.json()["status"] == "completed"
            assert len(busy.called) == 1

    servers: list[Server] = []
    try:
        trio.run(run, servers)
    finally:
        for server in servers:
            server.end()
