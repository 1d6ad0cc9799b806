"""Several workers as real processes on the same ports, killed and stopped."""

from __future__ import annotations

import re
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any
from uuid import uuid4

import httpx
import psutil
import pytest
import trio

from client.terminal.account import SignIn, register
from client.terminal.connection import ConnectionLostError
from client.terminal.device import Device, open_device
from server.startup import WorkerOrders
from server.workers.supervisor import Supervisor, WorkerFailed
from streaming.wire.codes import CloseCode
from tests.database import LentDatabases, login_settings, temporary_directory
from tests.model_server import ReceivedRequest, Step, open_model_server, text_stream, tool_calls
from tests.server.server_process import START_S, Server, command
from tests.server.server_process import state as state  # noqa: PLC0414 - a fixture
from tests.server.tessera import is_routing, text_block, tool_messages

pytestmark = pytest.mark.slow

ADMIN = "admin-token-of-the-test"
STOP_S = 8.0
TASKS = [{"id": "t1", "title": "Write the report", "status": "todo"}]


class Supervised(Server):
    """A supervisor and its workers."""

    def workers(self) -> list[int]:
        return [child.pid for child in psutil.Process(self.process.pid).children() if "worker" in child.cmdline()]

    def live(self) -> Any:
        headers = {"Authorization": f"Bearer {ADMIN}"}
        return httpx.get(f"{self.url('http')}/debug/tasks", headers=headers, timeout=60).json()

    def metrics(self) -> str:
        return httpx.get(f"{self.url('http')}/metrics", timeout=60).text


def supervised(state: Path, **settings: str) -> Supervised:
    return Supervised(state, TESSERA_WORKERS="2", TESSERA_ADMIN_TOKEN=ADMIN, **settings)


@pytest.fixture
def start(database: str) -> Iterator[Callable[..., Supervised]]:
    """Starts servers on a database of the test, which takes less time than to create an embedded one."""
    servers: list[Supervised] = []

    def start(state: Path, **settings: str) -> Supervised:
        servers.append(supervised(state, **login_settings(database), **settings))
        return servers[-1]

    yield start
    for server in servers:
        server.end()


@pytest.fixture(scope="module")
def two_workers(lent_databases: LentDatabases) -> Iterator[Supervised]:
    """Two workers with a scripted model, for the tests of this file that share a server."""
    limits = {
        "TESSERA_MAX_HTTP_REQUESTS_PER_S_PER_USER": "0.001",
        "TESSERA_MAX_HTTP_REQUESTS_BURST_PER_USER": "8",
        "TESSERA_MAX_SOCKETS_PER_USER": "100",
    }
    with lent_databases.lend() as database, temporary_directory() as folder, served_model(model) as url:
        server = supervised(folder / "state", **login_settings(database), **model_settings(url), **limits)
        try:
            yield server
            assert_stops(server, signal.SIGTERM)
        finally:
            server.end()


def assert_stops(server: Supervised, number: signal.Signals) -> None:
    """Both workers drain and end in time, and nothing fails."""
    assert server.stop(number) < STOP_S
    said = server.errors.read_text()
    assert said.count('"draining"') == 2
    assert "Traceback" not in said


@contextmanager
def served_model(reply: Callable[[ReceivedRequest], list[Step]]) -> Iterator[str]:
    """The address of a model server that runs in a thread and answers each request with `reply`."""
    started: SimpleQueue[tuple[str, Callable[[], None]]] = SimpleQueue()

    async def serve() -> None:
        stop, token = trio.Event(), trio.lowlevel.current_trio_token()
        async with trio.open_nursery() as nursery, open_model_server(nursery) as server:
            server.fallback = reply
            started.put((server.url, partial(trio.from_thread.run_sync, stop.set, trio_token=token)))
            await stop.wait()

    thread = Thread(target=trio.run, args=(serve,))
    thread.start()
    url, stop = started.get()
    try:
        yield url
    finally:
        stop()
        thread.join()


def model_settings(url: str) -> dict[str, str]:
    return {"TESSERA_MODEL_URL": url, "TESSERA_MODEL_NAME": "scripted", "TESSERA_MODEL_SHAPE": "hosted"}


async def new_account(server: Supervised) -> SignIn:
    return await register(server.url("http"), f"{uuid4().hex}@example.com", "correct horse battery")


async def sessions(server: Supervised) -> dict[str, int]:
    """Connected devices by worker."""
    text = await trio.to_thread.run_sync(server.metrics)
    found = re.findall(r'^tessera_sessions{worker="(\d)"} (\d+)', text, re.MULTILINE)
    return {worker: int(count) for worker, count in found}


async def asked_of_the_other(server: Supervised, account: SignIn, device_worker: str) -> httpx.Response:
    """`POST /chat` to a worker that does not have the device; the kernel gives each connection to one of them."""
    while True:
        async with httpx.AsyncClient(base_url=server.url("http"), trust_env=False, timeout=60) as client:
            if (await client.get("/healthz")).headers["x-tessera-worker"] != device_worker:
                return await client.post(
                    "/api/v1/chat",
                    json={"message": "what is there to do?"},
                    headers={"Authorization": f"Bearer {account.access_token}"},
                )


def model(request: ReceivedRequest) -> list[Step]:
    if is_routing(request):
        return text_stream('{"agent": "task_agent"}')
    if not tool_messages(request):
        return tool_calls(("list_tasks", {}))
    return text_block(tool_messages(request)[0].replace('"', "'"))


def test_rest_on_one_worker_reaches_the_device_on_another(two_workers: Supervised) -> None:
    async def list_tasks(args: Mapping[str, Any]) -> Any:
        return {"items": TASKS}

    async def test(server: Supervised) -> None:
        account = await new_account(server)
        assert len(server.workers()) == 2
        assert "2 processes share these ports" in server.banner
        async with open_device(server.url("ws"), account.access_token, tools={"list_tasks": list_tasks}):
            (at,) = [worker for worker, count in (await sessions(server)).items() if count]
            answer = await asked_of_the_other(server, account, at)
        assert answer.status_code == 200, answer.text
        assert "Write the report" in answer.text

    trio.run(test, two_workers)


def test_a_deleted_account_closes_its_sockets_on_every_worker_within_a_second(two_workers: Supervised) -> None:
    codes: list[int | None] = []

    async def delete(server: Supervised) -> None:
        account = await new_account(server)

        async def closed(device: Device) -> None:
            loss = await device.wait_closed()
            codes.append(loss.code if isinstance(loss, ConnectionLostError) else None)

        async with AsyncExitStack() as opened:
            devices: list[Device] = []
            # The kernel chooses the worker of each connection.
            while len([count for count in (await sessions(server)).values() if count]) < 2:
                devices.append(await opened.enter_async_context(open_device(server.url("ws"), account.access_token)))
            async with httpx.AsyncClient(base_url=server.url("http"), trust_env=False, timeout=60) as client:
                headers = {"Authorization": f"Bearer {account.access_token}"}
                body = {"password": "correct horse battery"}
                answer = await client.request("DELETE", "/api/v1/account", headers=headers, json=body)
                assert answer.status_code == 200, answer.text
                with trio.fail_after(1):
                    async with trio.open_nursery() as nursery:
                        for device in devices:
                            nursery.start_soon(closed, device)
                assert (await client.get("/api/v1/devices", headers=headers)).status_code == 401
        assert len(codes) >= 2
        assert set(codes) == {CloseCode.UNAUTHORIZED}

    trio.run(delete, two_workers)


def test_a_users_rates_are_those_of_all_workers(two_workers: Supervised) -> None:
    async def test(server: Supervised) -> None:
        account = await new_account(server)
        statuses: dict[str, list[int]] = {"1": [], "2": []}
        while not all(len(found) >= 6 for found in statuses.values()):
            # The kernel chooses the worker of each connection.
            async with httpx.AsyncClient(base_url=server.url("http"), trust_env=False, timeout=60) as client:
                headers = {"Authorization": f"Bearer {account.access_token}"}
                answer = await client.get("/api/v1/devices", headers=headers)
                statuses[answer.headers["x-tessera-worker"]].append(answer.status_code)
                body = {"email": "guessed@example.com", "password": "guess"}
                guess = await client.post("/api/v1/auth/login", json=body)
                assert guess.status_code in (401, 429)
                guesses.append(guess.status_code)
        both = [status for found in statuses.values() for status in found]
        assert both.count(200) == 8
        assert set(both) == {200, 429}
        assert 10 <= guesses.count(401) <= 12  # one more every ten seconds

    guesses: list[int] = []
    trio.run(test, two_workers)


def test_a_worker_killed_during_a_call_fails_the_call_and_restarts(two_workers: Supervised) -> None:
    begun = trio.Event()

    async def hang(args: Mapping[str, Any]) -> Any:
        begun.set()
        await trio.sleep_forever()

    async def lose(server: Supervised) -> None:
        account = await new_account(server)
        before = server.workers()
        answers: list[httpx.Response] = []

        async def ask(at: str) -> None:
            answers.append(await asked_of_the_other(server, account, at))

        async def kill(device: Device, at: str) -> None:
            live = await trio.to_thread.run_sync(server.live)
            (pid,) = [one["pid"] for one in live["servers"] if str(one["worker"]) == at]
            await begun.wait()
            psutil.Process(pid).kill()
            await device.wait_closed()

        async with (
            open_device(server.url("ws"), account.access_token, tools={"list_tasks": hang}) as device,
            trio.open_nursery() as nursery,
        ):
            (at,) = [worker for worker, count in (await sessions(server)).items() if count]
            nursery.start_soon(ask, at)
            began = time.monotonic()
            await kill(device, at)
        # Far earlier than the call's deadline of 30 s, because the dead worker is detected.
        assert time.monotonic() - began < 25
        assert answers[0].status_code == 200, answers[0].text
        assert "device_gone" in answers[0].text
        while len(server.workers()) < 2 or set(await sessions(server)) != {"1", "2"}:  # noqa: ASYNC110
            await trio.sleep(0.1)
        assert len(set(server.workers()) - set(before)) == 1
        assert "worker_died" in server.errors.read_text()

    trio.run(lose, two_workers)


def test_workers_end_with_a_supervisor_that_was_killed(state: Path, start: Callable[..., Supervised]) -> None:
    server = start(state, TMPDIR=str(state.parent))
    family = server.workers()
    folders = list(state.parent.glob("tessera-workers-*"))
    assert len(folders) == 1
    server.process.kill()
    server.process.wait()
    _, alive = psutil.wait_procs([psutil.Process(pid) for pid in family if psutil.pid_exists(pid)], timeout=START_S)
    assert not alive
    assert not folders[0].exists()


def test_a_signal_is_passed_on_and_the_embedded_database_ends_too(state: Path) -> None:
    """SIGHUP. The workers that other tests share are stopped by SIGTERM."""
    server = supervised(state)
    try:
        assert_stops(server, signal.SIGHUP)
    finally:
        server.end()


# The line that a worker prints when it is ready.
READY = (
    "import json, sys, time\n"
    "orders = json.loads(sys.stdin.readline())\n"
    "def ready():\n"
    "    print(json.dumps(dict.fromkeys(['ws_url', 'rest_url', 'model', 'database', 'memory'], '') |"
    " {'playground': None, 'generated_key_file': None, 'workers': 1}), flush=True)\n"
)


def scripted_supervisor(folder: Path, program: str, count: int) -> Supervisor:
    """A supervisor of workers that run `program`."""
    script = folder / "worker.py"
    script.write_text(READY + program)
    orders = [
        WorkerOrders(number=number, count=count, ws_bind="a:1", http_bind="a:2", folder=folder)
        for number in range(1, count + 1)
    ]
    return Supervisor(orders, stop_s=120, command=[sys.executable, str(script)], first_delay_s=0.001)


async def test_a_worker_that_cannot_start_ends_the_others_with_an_error(tmp_path: Path) -> None:
    program = "if orders['number'] == 2: sys.exit(3)\nready()\ntime.sleep(600)\n"
    supervisor = scripted_supervisor(tmp_path, program, count=2)
    with pytest.RaisesGroup(WorkerFailed, flatten_subgroups=True) as failed:
        await supervisor.run(lambda _: pytest.fail("not all were ready"))
    assert "worker 2 of 2 does not start (exit status 3" in str(failed.value.exceptions[0])
    assert supervisor.pids == {}


async def test_a_worker_that_dies_is_restarted_until_its_starts_fail(tmp_path: Path) -> None:
    # The worker is ready and dies twice; then no start succeeds.
    program = (
        "starts = open('starts', 'a+'); starts.write('.'); starts.seek(0)\n"
        "if len(starts.read()) > 2: sys.exit(4)\n"
        "ready()\n"
        "sys.exit(1)\n"
    ).replace("'starts'", repr(str(tmp_path / "starts")))
    ready: list[object] = []
    supervisor = scripted_supervisor(tmp_path, program, count=1)
    with pytest.RaisesGroup(WorkerFailed, flatten_subgroups=True) as failed:
        await supervisor.run(ready.append)
    assert "(exit status 4, 5 consecutive attempts)" in str(failed.value.exceptions[0])
    assert len(ready) == 1
    assert len((tmp_path / "starts").read_text()) == 2 + 5


async def test_a_signal_during_the_start_of_a_worker_reaches_it(tmp_path: Path) -> None:
    supervisor = scripted_supervisor(tmp_path, "ready()\ntime.sleep(600)\n", count=1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(supervisor.run, lambda _: None)
        # Its task has started, and a thread is creating the process.
        await trio.lowlevel.checkpoint()
        supervisor.pass_on(signal.SIGTERM)
        with trio.fail_after(60):  # less than the time after which the supervisor kills
            while nursery.child_tasks:  # noqa: ASYNC110
                await trio.sleep(0.01)
    assert supervisor.pids == {}


async def test_a_worker_that_does_not_end_is_killed(tmp_path: Path) -> None:
    program = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nready()\ntime.sleep(600)\n"
    script = tmp_path / "worker.py"
    script.write_text(READY + program)
    orders = [WorkerOrders(number=1, count=1, ws_bind="a:1", http_bind="a:2", folder=tmp_path)]
    supervisor = Supervisor(orders, stop_s=0.1, command=[sys.executable, str(script)])
    await supervisor.run(lambda _: supervisor.pass_on(signal.SIGTERM))
    assert supervisor.pids == {}


def test_a_shared_address_in_use_is_one_sentence(database: str, tmp_path: Path) -> None:
    import socket

    with socket.socket() as taken:
        # A listener that shares its port: two servers would take each other's connections.
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = command(
            "run",
            TESSERA_WORKERS="2",
            **login_settings(database),
            TESSERA_STATE_DIR=str(tmp_path / "state"),
            TESSERA_WS_BIND=f"127.0.0.1:{taken.getsockname()[1]}",
        )
    assert result.returncode == 1
    assert "tessera: TESSERA_WS_BIND: can't listen on" in result.stderr
    assert "Traceback" not in result.stderr
