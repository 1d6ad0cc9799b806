"""Several device calls of one tool at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import trio

from agents.tools.error import ToolError


async def side_by_side(*calls: Callable[[], Awaitable[Any]]) -> list[Any]:
    """The results of `calls`, in their order.

    Every call runs to its end, also when another fails: none is left unanswered. Then the first failure, in the order
    of `calls`, is raised as the `ToolError` it is.
    """
    results: list[Any] = [None] * len(calls)

    async def run(number: int, call: Callable[[], Awaitable[Any]]) -> None:
        try:
            results[number] = await call()
        except ToolError as error:
            results[number] = error

    async with trio.open_nursery() as nursery:
        for number, call in enumerate(calls):
            nursery.start_soon(run, number, call)
    for result in results:
        if isinstance(result, ToolError):
            raise result
    return results
