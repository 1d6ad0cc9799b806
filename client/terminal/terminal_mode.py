"""Restores the terminal: with its modes, and without input that the shell would run as a command."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

if sys.platform != "win32":
    import termios


@contextmanager
def restored_terminal(
    descriptor: int, typed_so_far: Callable[[], str], on_unsent: Callable[[str], None]
) -> Iterator[None]:
    """Restore the modes of the terminal at the end of the block, and discard what was typed and not sent.

    A thread may still wait for a line then, in the modes of line editing. `on_unsent` gets the discarded text, without
    control characters; `typed_so_far` returns the part of it that line editing has read.
    """
    if sys.platform == "win32" or not os.isatty(descriptor):
        yield
        return
    modes = termios.tcgetattr(descriptor)
    try:
        yield
    finally:
        unsent = typed_so_far() + unread(descriptor)
        termios.tcsetattr(descriptor, termios.TCSAFLUSH, modes)
        text = "".join(character if character.isprintable() else " " for character in unsent).strip()
        if text:
            on_unsent(text)


def unread(descriptor: int) -> str:
    """The input that the terminal has received and no task has read, including an unfinished line."""
    modes = termios.tcgetattr(descriptor)
    modes[3] &= ~(termios.ICANON | termios.ECHO)
    modes[6][termios.VMIN], modes[6][termios.VTIME] = 0, 0
    termios.tcsetattr(descriptor, termios.TCSANOW, modes)
    return os.read(descriptor, 65536).decode(errors="replace")
