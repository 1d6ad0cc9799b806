"""A server as a process: started, read and stopped."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import psutil
import pytest

from tests.database import temporary_directory
from tests.server.preloaded import Process, start_copy

Launch = Callable[[Sequence[str], Mapping[str, str], IO[Any]], Process]
START_S = 60.0
STOP_S = 5.0
EMAIL, PASSWORD = "ann@example.com", "correct horse battery"


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
    """Run a command of the server until it ends."""
    return completed(start_copy, *arguments, **settings)


def completed(launch: Launch, /, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    with tempfile.TemporaryFile("w+") as errors:
        process = launch(arguments, environment(Path("unused"), **settings), errors)
        assert process.stdout is not None
        with process.stdout:
            output = process.stdout.read()
        code = process.wait(START_S)
        errors.seek(0)
        return subprocess.CompletedProcess(arguments, code, output, errors.read())


class Server:
    """A running server process and the contents of its banner."""

    def __init__(self, state: Path, **settings: str) -> None:
        self.errors = state.parent / "stderr"
        with self.errors.open("a") as errors:
            self.process = self.launch(environment(state, **settings), errors)
        self.banner = ""
        assert self.process.stdout is not None
        while "try it" not in self.banner:
            line = self.process.stdout.readline()
            assert line, f"no banner:\n{self.errors.read_text()}"
            self.banner += line

    def launch(self, environment: Mapping[str, str], errors: IO[Any]) -> Process:
        return start_copy(["run"], environment, errors)

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
def state() -> Iterator[Path]:
    # Short, because a socket path has at most 107 bytes; open to other accounts, because PostgreSQL can't run as root.
    with temporary_directory() as folder:
        yield folder / "state"
