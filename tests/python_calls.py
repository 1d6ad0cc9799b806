"""Counts calls of Python functions: a measure of work that does not depend on the machine."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def counted() -> Iterator[list[int]]:
    """The number of calls that this thread begins or resumes in the block, in a list of one element."""
    calls = [0]

    def count(frame: FrameType, event: str, argument: object) -> None:
        if event == "call":
            calls[0] += 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        yield calls
    finally:
        sys.setprofile(before)
