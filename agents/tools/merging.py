"""Several lists of one entity as one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any


def merged(lists: Sequence[Mapping[str, Any]], limit: int) -> dict[str, Any]:
    """`{"items": [...], "truncated"?: true}`: each item once, at most `limit`; `truncated` also when any list was."""
    items = list({identity_of(item): item for one in lists for item in one["items"]}.values())
    cut = len(items) > limit or any(one.get("truncated") for one in lists)
    return {"items": items[:limit], "truncated": True} if cut else {"items": items}


def identity_of(item: Mapping[str, Any]) -> tuple[str, str]:
    """What tells the item from others: its id, or without one all that it holds."""
    identity = item.get("id")
    if identity is not None:
        return "id", str(identity)
    return "item", json.dumps(item, sort_keys=True, default=str)
