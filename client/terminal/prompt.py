"""Lines that a person types, read in a worker thread: one question at a time, any of which may be given up."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import trio

Read = Callable[[str], str]


def read_terminal(question: str) -> str:
    """A line from the terminal, with editing. Raises EOFError."""
    return input(question)


class PipeReader:
    """Lines of a file descriptor that is no terminal, without questions and without Python's buffered reader.

    The interpreter cannot end while a thread holds the lock of `sys.stdin`; this holds none.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._rest = b""
        self._ended = False

    def __call__(self, _question: str) -> str:
        while b"\n" not in self._rest and not self._ended:
            data = os.read(self._descriptor, 65536)
            self._rest += data
            self._ended = not data
        if not self._rest:
            raise EOFError
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode(errors="replace")


class Prompt:
    """Asks questions through `read`, which blocks its thread until there is a line.

    A thread that waits for a line cannot be interrupted. When its question was given up, it goes on waiting, and the
    next question takes its line.
    """

    def __init__(self, read: Read, show: Callable[[str], None] = lambda text: print(text, end="", flush=True)) -> None:
        self._read = read
        self._show = show
        self._lock = trio.Lock()
        self._reading = False
        self._wanted, self._wishes = trio.open_memory_channel[str](1)
        self._typed, self._lines = trio.open_memory_channel[str | None](1)

    async def run(self) -> None:
        """Read what is asked for until cancelled; the one task that reads."""
        async for question in self._wishes:
            try:
                line = await trio.to_thread.run_sync(self._read, question, abandon_on_cancel=True)
            except EOFError:
                line = None
            self._reading = False
            self._typed.send_nowait(line)

    async def ask(self, question: str) -> str | None:
        """The next line, without its end; None at the end of the input. Questions wait for each other."""
        async with self._lock:
            if self._reading:
                self._show(question)
            else:
                self._reading = True
                self._wanted.send_nowait(question)
            return await self._lines.receive()


def prompt_for_stdin() -> Prompt:
    """Reads the terminal, or the lines of a pipe or file."""
    return Prompt(read_terminal if sys.stdin.isatty() else PipeReader(sys.stdin.fileno()))
