"""Server processes that start in milliseconds: copies of a process that has already imported the server.

`python -m server` imports 1,600 modules, which takes more than a second of processor time, and a test of kills starts
a server several times. Here one process for each test process imports them once, and forks a copy for each start. The
copy has its own environment, output and signals, and then runs what the command runs. `tests/server/test_process.py`
and `tests/server/test_wheel.py` also start the command itself.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, Any, Final, NoReturn, Protocol

ROOT: Final = Path(__file__).resolve().parents[2]
# Fork is safe where no library of the system starts threads behind our back.
SUPPORTED: Final = sys.platform == "linux"
_MAX_REQUEST: Final = 1 << 20


class Process(Protocol):
    """What the tests use of `subprocess.Popen[str]`."""

    stdout: IO[str] | None

    @property
    def pid(self) -> int: ...

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def send_signal(self, sig: int) -> None: ...

    def terminate(self) -> None: ...

    def kill(self) -> None: ...


def start_command(arguments: Sequence[str], environment: Mapping[str, str], errors: IO[Any]) -> Process:
    """Start `python -m server`. Its output is a pipe; its errors go to a file."""
    return subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", "server", *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
    )


def start_copy(arguments: Sequence[str], environment: Mapping[str, str], errors: IO[Any]) -> Process:
    """The same as `start_command`, from a process that has the imports. The command itself where fork is not safe."""
    return (
        _imported().start(arguments, environment, errors)
        if SUPPORTED
        else start_command(arguments, environment, errors)
    )


@cache
def _imported() -> _Imported:
    return _Imported()


class _Imported:
    """The process with the imports, from the side of the tests. It ends with the process of the tests."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-m", "tests.server.preloaded", str(theirs.fileno())],
                cwd=ROOT,
                # A thread of OpenBLAS would not be in the copies.
                env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    def start(self, arguments: Sequence[str], environment: Mapping[str, str], errors: IO[Any]) -> _Copy:
        request = json.dumps([list(arguments), dict(environment)]).encode()
        assert len(request) <= _MAX_REQUEST
        output, output_of_copy = os.pipe()
        status, status_of_copy = os.pipe()
        try:
            socket.send_fds(self._control, [request], [output_of_copy, errors.fileno(), status_of_copy])
        finally:
            os.close(output_of_copy)
            os.close(status_of_copy)
        return _Copy(os.fdopen(output, encoding="utf-8"), os.fdopen(status, "rb", buffering=0))


class _Copy:
    """A started copy. Its process belongs to another one, which tells its status."""

    def __init__(self, stdout: IO[str], status: IO[bytes]) -> None:
        self.stdout: IO[str] | None = stdout
        self._status = status
        self._returncode: int | None = None
        self.pid = int(self._status.readline())

    def poll(self) -> int | None:
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        code = self._ended(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("server", timeout or 0.0)
        return code

    def send_signal(self, sig: int) -> None:
        # The process id is not used again before its status is told.
        if self.poll() is None:
            os.kill(self.pid, sig)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _ended(self, timeout: float | None) -> int | None:
        if self._returncode is None and select.select([self._status], [], [], timeout)[0]:
            self._returncode = int(self._status.readline())
            self._status.close()
        return self._returncode


# ---- the process with the imports -----------------------------------------------------------------------------------


def _serve(control: socket.socket) -> None:
    """Import the server and start a copy for each request, until the process of the tests is gone."""
    # Ctrl-C is for the copies and for the tests.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.disable()
    importlib.import_module("server.commands")
    gc.freeze()
    while True:
        request, files, _, _ = socket.recv_fds(control, _MAX_REQUEST, 3)
        if not request:
            return
        output, errors, status = files
        if os.fork() == 0:
            control.close()
            _watch(request, output, errors, status)
        for file in (output, errors, status):
            os.close(file)
        _reap()


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _watch(request: bytes, output: int, errors: int, status: int) -> NoReturn:
    """Start the copy, and tell its process id and how it ended."""
    pid = os.fork()
    if pid == 0:
        os.close(status)
        _become_server(request, output, errors)
    os.close(output)
    os.close(errors)
    os.write(status, b"%d\n" % pid)
    ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # it stays a zombie until its status is told
    assert ended is not None
    code = ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status
    with contextlib.suppress(BrokenPipeError):
        os.write(status, b"%d\n" % code)
    os.waitpid(pid, 0)
    os._exit(0)


def _become_server(request: bytes, output: int, errors: int) -> NoReturn:
    """Run `python -m server` in this process. What it raises, `SystemExit` too, goes to the interpreter."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.dup2(output, 1)
    os.dup2(errors, 2)
    os.close(output)
    os.close(errors)
    arguments, environment = json.loads(request)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    tempfile.tempdir = None
    sys.argv[1:] = arguments
    runpy.run_module("server", run_name="__main__", alter_sys=True)
    raise SystemExit


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as control_socket:
        _serve(control_socket)
