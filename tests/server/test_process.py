"""The server as a process: its output, its signals, its exit status."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import httpx
import pytest
import trio

from client.terminal.account import register
from client.terminal.device import open_device
from sql.migrate import rollback
from tests.database import login_settings
from tests.server.preloaded import Process, start_command, start_copy
from tests.server.server_process import EMAIL, PASSWORD, STOP_S, Launch, Server, command, completed
from tests.server.server_process import state as state  # noqa: PLC0414 - a fixture

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
# The copies, which other tests use, do what the command does.
BOTH = pytest.mark.parametrize("launch", [start_command, start_copy])
UNREACHABLE = "postgresql://app:hunter2@127.0.0.1:1/app"


class StartedServer(Server):
    """A server that was started by the command, with its imports."""

    def launch(self, environment: Mapping[str, str], errors: IO[Any]) -> Process:
        return start_command(["run"], environment, errors)


@pytest.fixture
def start() -> Iterator[Callable[[Path], Server]]:
    servers: list[Server] = []

    def start(state: Path) -> Server:
        servers.append(StartedServer(state))
        return servers[-1]

    yield start
    for server in servers:
        server.end()


async def greet(url: str, token: str) -> bool:
    async with open_device(url, token) as device:
        await device.ping()
    return True


def test_it_starts_answers_stops_and_finds_its_data_again(state: Path, start: Callable[[Path], Server]) -> None:
    server = start(state)
    assert "demo" in server.banner
    assert "embedded PostgreSQL" in server.banner
    assert f"make chat ARGS='--url {server.url('ws')} --rest {server.url('http')}'" in server.banner
    assert httpx.get(f"{server.url('http')}/readyz").status_code == 200

    async def ask() -> tuple[str, str]:
        account = await register(server.url("http"), EMAIL, PASSWORD)
        async with open_device(server.url("ws"), account.access_token) as device:
            answer = await device.home("hello, who are you?")
            assert (await answer.finish()).status == "completed"
            return answer.text, account.access_token

    text, token = trio.run(ask)
    assert "demo model" in text
    assert server.stop(signal.SIGTERM) < STOP_S
    assert "master_key_file" in server.errors.read_text()

    server = start(state)
    response = httpx.post(
        f"{server.url('http')}/api/v1/auth/login",
        json={"email": EMAIL, "password": PASSWORD},
    )
    assert response.status_code == 200
    assert trio.run(greet, server.url("ws"), token), "the first start's key was not found again"
    assert server.stop(signal.SIGINT) < STOP_S


@BOTH
def test_a_wrong_environment_is_explained_and_exits_2(launch: Launch) -> None:
    settings = {"TESSERA_MAX_FRAME_BYTES": "many", "TESSERA_NO_SUCH": "1", "TESSERA_MASTER_KEYS": "hunter2"}
    result = completed(launch, "run", **settings)
    assert result.returncode == 2
    for name in ("TESSERA_MAX_FRAME_BYTES", "TESSERA_NO_SUCH", "TESSERA_MASTER_KEYS"):
        assert name in result.stderr
    assert "hunter2" not in result.stderr
    assert "Traceback" not in result.stderr


def test_check_config_prints_the_settings_without_secrets() -> None:
    result = command("check-config", TESSERA_DATABASE_URL=UNREACHABLE)
    assert result.returncode == 0
    assert "http_bind = 127.0.0.1:0" in result.stdout
    assert "hunter2" not in result.stdout


@BOTH
def test_help_lists_commands_and_settings(launch: Launch) -> None:
    result = completed(launch, "--help")
    assert result.returncode == 0
    assert "usage: python -m server" in result.stdout
    for name in ("check-config", "migrate", "rollback", "TESSERA_HTTP_BIND", "TESSERA_MASTER_KEYS"):
        assert name in result.stdout


def test_an_unreachable_database_is_one_sentence_and_exit_1(tmp_path: Path) -> None:
    result = command(
        "run",
        TESSERA_DATABASE_URL=UNREACHABLE,
        TESSERA_STATE_DIR=str(tmp_path / "state"),
    )
    assert result.returncode == 1
    assert "tessera:" in result.stderr
    assert "Traceback" not in result.stderr
    assert "hunter2" not in result.stderr


def test_an_address_in_use_is_one_sentence_and_exit_1(database: str, tmp_path: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = command(
            "run",
            **login_settings(database),
            TESSERA_STATE_DIR=str(tmp_path / "state"),
            TESSERA_WS_BIND=f"127.0.0.1:{taken.getsockname()[1]}",
        )
    assert result.returncode == 1
    assert "tessera: TESSERA_WS_BIND: can't listen on" in result.stderr
    assert "Traceback" not in result.stderr


def test_migrations_go_up_and_down_from_the_command_line(empty_database: str, tmp_path: Path) -> None:
    settings = {"TESSERA_DATABASE_URL": empty_database, "TESSERA_STATE_DIR": str(tmp_path / "state")}
    assert "applied 0001_users, 0002_memory" in command("migrate", **settings).stdout
    assert "nothing to apply" in command("migrate", **settings).stdout
    names = sorted(path.name.removesuffix(".up.sql") for path in (ROOT / "sql" / "migrations").glob("*.up.sql"))
    assert f"undid {names[-1]}" in command("rollback", **settings).stdout
    # The others in this process: a start of the command takes a second.
    assert trio.run(rollback, empty_database, len(names)) == names[-2::-1]
    assert "nothing to undo" in command("rollback", **settings).stdout
