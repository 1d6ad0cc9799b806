"""A prompt that reads lines in a worker thread, one question at a time. Each question can be cancelled."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import trio

Read = Callable[[str], str]


def read_terminal(question: str) -> str:
    """Read a line from the terminal with line editing. Raises EOFError."""
    return input(question)


class PipeReader:
    """Reads lines from a pipe or a file, without showing questions and without `sys.stdin`.

    The interpreter cannot exit while a thread holds the lock of `sys.stdin`. This class uses the file descriptor.
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
    """Asks questions with `read`, which blocks its thread until there is a line.

    A thread that waits for a line cannot be interrupted. If its question is cancelled, the thread waits on, and the
    next question gets its line.
    """

    def __init__(
        self,
        read: Read,
        show: Callable[[str], None] = lambda text: print(text, end="", flush=True),
        *,
        typed_so_far: Callable[[], str] | None = None,
    ) -> None:
        """`typed_so_far` returns the unfinished line of a terminal. None: the input is not a terminal."""
        self._read = read
        self._show = show
        self._typed_so_far = typed_so_far
        self._asking: str | None = None
        self._lock = trio.Lock()
        self._reading = False
        self._shown = False  # by the thread that reads; it begins later than the question
        self._wanted, self._wishes = trio.open_memory_channel[str](1)
        self._typed, self._lines = trio.open_memory_channel[str | None](1)

    async def run(self) -> None:
        """Read a line for each question until cancelled. Only one task may run this."""
        async for question in self._wishes:
            try:
                line = await trio.to_thread.run_sync(self._show_and_read, question, abandon_on_cancel=True)
            except EOFError:
                line = None
            self._reading = self._shown = False
            self._typed.send_nowait(line)

    def _show_and_read(self, question: str) -> str:
        self._shown = True
        return self._read(question)

    async def ask(self, question: str) -> str | None:
        """Return the next line without its line end, or None at the end of the input. Questions wait for each other."""
        async with self._lock:
            if self._reading:
                self._show(question)
            else:
                self._reading = True
                self._wanted.send_nowait(question)
            self._asking = question
            try:
                return await self._lines.receive()
            finally:
                self._asking = None

    @property
    def unfinished(self) -> str:
        """What the person has typed at the question, without Enter."""
        return self._typed_so_far() if self._reading and self._typed_so_far is not None else ""

    def above(self, print_lines: Callable[[], None]) -> None:
        """Call `print_lines`. A question that waits is shown again below, with the typed text."""
        if self._asking is None or not self._shown or self._typed_so_far is None:
            print_lines()
            return
        self._show("\r\x1b[K")  # to the start of the line, and erase it
        print_lines()
        self._show(self._asking + self._typed_so_far())


def prompt_for_stdin() -> Prompt:
    """Return a prompt for standard input: a terminal, a pipe or a file."""
    if not sys.stdin.isatty():
        return Prompt(PipeReader(sys.stdin.fileno()))
    import readline  # noqa: PLC0415 - importing it gives input() line editing and a history

    return Prompt(read_terminal, typed_so_far=readline.get_line_buffer)
