"""Work on a text that blocks the event loop only for a short time: the work on a long text runs in a thread."""

from __future__ import annotations

from collections.abc import Callable, Sized
from dataclasses import replace
from typing import Final, TypeVar

import trio

from memory.keys import UserKey

T = TypeVar("T")

LONG_CHARS: Final = 1500
"""Analysing a text of this length takes about a millisecond."""


async def worked_on(text: Sized, user_key: UserKey, work: Callable[[UserKey], T]) -> T:
    """The result of `work(user_key)`, which analyses `text`, or its encrypted form.

    In a thread, `work` gets a copy of the key, because the terms of a key must not be shared between threads.
    """
    if len(text) <= LONG_CHARS:
        return work(user_key)
    return await trio.to_thread.run_sync(work, replace(user_key))
