"""Cancel an operation at each of its checkpoints in turn."""

from __future__ import annotations

import itertools
import types
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any

import trio


@types.coroutine
def _cancelling_at(
    checkpoint: int, operation: Coroutine[Any, Any, None], scope: trio.CancelScope
) -> Generator[Any, Any, None]:
    """Drive `operation`, and cancel `scope` just before its n-th wait begins."""
    answer = None
    for count in itertools.count(1):
        try:
            trap = operation.send(answer)
        except StopIteration:
            return
        if count == checkpoint:
            scope.cancel()
        answer = yield trap


async def cancelled_at_each_checkpoint(
    operation: Callable[[], Coroutine[Any, Any, None]], check: Callable[[bool], Awaitable[None]]
) -> int:
    """Run `operation` again and again, cancelled at its first checkpoint, its second, ..., until it ends before that.

    After each run `check` is told whether the operation raised `Cancelled`. Returns the number of runs.
    """
    for checkpoint in itertools.count(1):
        with trio.CancelScope() as scope:
            await _cancelling_at(checkpoint, operation(), scope)
        await check(scope.cancelled_caught)
        if not scope.cancel_called:
            return checkpoint
    raise AssertionError("unreachable")
