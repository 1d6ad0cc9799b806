"""Several device calls of one tool, made at the same time, and their lists joined into one."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import trio

from agents.tools.error import ToolError


async def call_all(*calls: Callable[[], Awaitable[Any]]) -> list[Any]:
    """Run `calls` concurrently; returns their results in their order.

    Every call runs to its end, even when another one fails. Then the first failure, in the order of `calls`, is raised
    as a `ToolError`.
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


def merge_lists(lists: Sequence[Mapping[str, Any]], limit: int) -> dict[str, Any]:
    """Join lists of one entity: `{"items": [...], "truncated"?: true, "total"?: n}`, each item once, at most `limit`.

    The result is `truncated` when items were left out, or when any of `lists` was truncated. `total` is the number of
    all items, also those left out, if each list says or shows its own.
    """
    items = list({item_key(item): item for one in lists for item in one["items"]}.values())
    cut = len(items) > limit or any(one.get("truncated") for one in lists)
    if not cut:
        return {"items": items}
    # A list without `total` that reaches the limit may have been cut by a device that does not say so.
    totals = [one.get("total", None if one.get("truncated") or len(one["items"]) >= limit else 0) for one in lists]
    if None in totals or len(items) < sum(len(one["items"]) for one in lists):
        return {"items": items[:limit], "truncated": True}
    total = sum(max(known, len(one["items"])) for known, one in zip(totals, lists, strict=True))
    return {"items": items[:limit], "truncated": True, "total": total}


def item_key(item: Mapping[str, Any]) -> tuple[str, str]:
    """A key that is equal for two copies of one item: its id, or its whole content if it has no id."""
    item_id = item.get("id")
    if item_id is not None:
        return "id", str(item_id)
    return "item", json.dumps(item, sort_keys=True, default=str)
