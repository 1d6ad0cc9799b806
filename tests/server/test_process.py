"""The server as a process: its output, its signals, its exit status."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest
import trio

from client.terminal.account import register
from client.terminal.device import open_device
from sql.migrate import rollback
from tests.database import login_settings

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
START_S = 60.0
STOP_S = 5.0
EMAIL, PASSWORD = "ann@example.com", "correct horse battery"
UNREACHABLE = "postgresql://app:hunter2@127.0.0.1:1/app"


def environment(state: Path, **settings: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TESSERA_")}
    return inherited | {
        "TESSERA_STATE_DIR": str(state),
        "TESSERA_HTTP_BIND": "127.0.0.1:0",
        "TESSERA_WS_BIND": "127.0.0.1:0",
        "TESSERA_DEMO_PACE_S": "0",
        **settings,
    }


def command(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", "server", *arguments],
        cwd=ROOT,
        env=environment(Path("unused"), **settings),
        capture_output=True,
        text=True,
        timeout=START_S,
        check=False,
    )


class Server:
    """A running server process and the contents of its banner."""

    def __init__(self, state: Path, **settings: str) -> None:
        self.errors = state.parent / "stderr"
        with self.errors.open("a") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "server", "run"],
                cwd=ROOT,
                env=environment(state, **settings),
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        self.banner = ""
        assert self.process.stdout is not None
        while "try it" not in self.banner:
            line = self.process.stdout.readline()
            assert line, f"no banner:\n{self.errors.read_text()}"
            self.banner += line

    def end(self) -> None:
        """Kill what a failed test left running."""
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(START_S)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def url(self, scheme: str) -> str:
        found = re.search(rf"{scheme}://\S+", self.banner)
        assert found is not None
        return found[0]

    def stop(self, number: signal.Signals) -> float:
        """Signal the process and wait; the seconds that it took. Fails when it, or a child of it, is still there."""
        family = [self.process.pid, *(child.pid for child in psutil.Process(self.process.pid).children(recursive=True))]
        family += postmasters(self.errors.parent)
        began = time.monotonic()
        self.process.send_signal(number)
        assert self.process.wait(START_S) == 0, self.errors.read_text()
        seconds = time.monotonic() - began
        assert not [pid for pid in family if is_running(pid)]
        return seconds


def is_running(pid: int) -> bool:
    """Whether a process still runs. A zombie counts as ended."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def postmasters(folder: Path) -> list[int]:
    """The embedded PostgreSQL's process id, from its pid file: it leaves its parent's process group."""
    return [int(path.read_text().splitlines()[0]) for path in folder.rglob("postmaster.pid")]


@pytest.fixture
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    # Short, because a socket path has at most 107 bytes; open to other accounts, because PostgreSQL can't run as root.
    from tests.database import temporary_directory

    with temporary_directory() as folder:
        yield folder / "state"


@pytest.fixture
def start() -> Iterator[Callable[[Path], Server]]:
    servers: list[Server] = []

    def start(state: Path) -> Server:
        servers.append(Server(state))
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


def test_a_wrong_environment_is_explained_and_exits_2() -> None:
    result = command("run", TESSERA_MAX_FRAME_BYTES="many", TESSERA_NO_SUCH="1", TESSERA_MASTER_KEYS="hunter2")
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


def test_help_lists_commands_and_settings() -> None:
    result = command("--help")
    assert result.returncode == 0
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
