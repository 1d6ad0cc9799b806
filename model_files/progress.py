"""A progress bar for a terminal; a log gets one line for each tenth."""

from __future__ import annotations

import sys
import time
from typing import TextIO

from model_files.download import Progress

_WIDTH = 30
_INTERVAL_S = 0.2


def progress_bar(name: str, out: TextIO | None = None) -> Progress:
    """A function that shows on `out`, by default standard error, how much of the file `name` has arrived."""
    out = out or sys.stderr
    drawn_at = 0.0
    tenth = -1

    def show(done: int, size: int) -> None:
        nonlocal drawn_at, tenth
        if not size:
            return
        now, share = time.monotonic(), done / size
        if out.isatty() and (done >= size or now - drawn_at >= _INTERVAL_S):
            drawn_at = now
            filled = int(share * _WIDTH)
            bar = "#" * filled + "." * (_WIDTH - filled)
            out.write(f"\r{name} [{bar}] {share:4.0%} of {size / 1e6:.0f} MB" + ("\n" if done >= size else ""))
            out.flush()
        elif not out.isatty() and int(share * 10) > tenth:
            tenth = int(share * 10)
            out.write(f"{name}: {share:.0%} of {size / 1e6:.0f} MB\n")
            out.flush()

    return show
