"""Processes of a benchmark: started on chosen cores (if `taskset` is installed), measured through /proc, and ended."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
_STOP_S: Final = 20.0
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_CPUCLOCK_SCHED: Final = 2


def cores() -> list[int]:
    """The cores that this process may use."""
    return sorted(os.sched_getaffinity(0))


def pin(pids: Iterable[int], to: Iterable[int]) -> None:
    """Restrict running processes, with all their threads, to the cores `to`."""
    for pid in pids:
        for thread in Path(f"/proc/{pid}/task").glob("*"):
            with suppress(OSError):  # it has ended, or belongs to another account
                os.sched_setaffinity(int(thread.name), set(to))


@contextmanager
def started(
    command: list[str], *, on: Iterable[int], environment: dict[str, str] | None = None, errors: Path, keep_input: bool
) -> Iterator[subprocess.Popen[str]]:
    """A process on the cores `on`. Leaving ends it with SIGTERM; its standard error is appended to `errors`."""
    held = ["taskset", "--cpu-list", ",".join(map(str, on))] if shutil.which("taskset") else []
    with errors.open("a") as stream:
        process = subprocess.Popen(  # noqa: S603 - our own commands
            [*held, *command],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE if keep_input else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stream,
            text=True,
        )
    try:
        yield process
    finally:
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def first_line(process: subprocess.Popen[str], errors: Path, patience_s: float = 60.0) -> str:
    """The next line of its output. Raises RuntimeError with its errors if it has ended or writes nothing."""
    assert process.stdout is not None
    began = time.monotonic()
    line = process.stdout.readline()
    if not line or time.monotonic() - began > patience_s:
        raise RuntimeError(f"{process.args!r} did not start:\n{errors.read_text()[-2000:]}")
    return line


def family(pid: int) -> list[int]:
    """`pid` and all its running descendants."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z":
            children.setdefault(int(fields[1]), []).append(int(path.parent.name))
    found = [pid]
    for parent in found:
        found += children.get(parent, [])
    return found


def cpu_s(pids: Iterable[int]) -> float:
    """Processor time of all threads of these processes since their start, in seconds, with a resolution of nanoseconds.

    Ended processes are not counted: measure differences over windows in which no process ends.
    """
    total = 0
    for pid in pids:
        try:
            # The clock id that clock_getcpuclockid(3) gives for a process.
            total += time.clock_gettime_ns((~pid << 3) | _CPUCLOCK_SCHED)
        except OSError:
            continue
    return total / 1e9


def resident_bytes(pids: Iterable[int]) -> int:
    """The sum of the resident memory of these processes. Shared memory is counted for each."""
    total = 0
    for pid in pids:
        try:
            total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
        except OSError:
            continue
    return total
