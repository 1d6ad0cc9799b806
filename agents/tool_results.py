"""The structured data that tools returned in one request, by entity and id: what `entity_ref` blocks resolve from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from agents.limits import AgentLimits


class ToolResults:
    """Items as the device returned them, in the order in which they were first seen, the newest version of each id.

    An item without an `id` is not kept: nothing could refer to it. Nor is what would pass the bounds of the request.

    Calls run side by side, so an answer may tell of an item as it was before this request changed it. Whoever sends a
    call takes a `mark` first; with it, such an answer neither overwrites the change nor brings back what was deleted.
    """

    def __init__(self, limits: AgentLimits | None = None) -> None:
        self._items: dict[str, dict[str, Mapping[str, Any]]] = {}
        self._sizes: dict[tuple[str, str], int] = {}
        self._chars = 0
        self._marks = 0
        self._changed: dict[tuple[str, str], int] = {}
        self._removed: dict[tuple[str, str], int] = {}
        self.bound(limits or AgentLimits())

    def bound(self, limits: AgentLimits) -> None:
        """Keep at most `kept_items` items of about `kept_chars` characters from now on."""
        self._limits = limits

    def mark(self) -> int:
        """How much this request has changed so far; to be taken when a call is sent."""
        return self._marks

    def add(self, entity: str, items: Iterable[Mapping[str, Any]], *, asked_at: int | None = None) -> bool:
        """Keep what a call read; an item that is there already is replaced in its place.

        Items that the request changed or deleted after the mark `asked_at` are left as they are. False when something
        was not kept because of the bounds.
        """
        all_kept = True
        for item in items:
            if (identity := item.get("id")) is None:
                continue
            key = (entity, str(identity))
            latest = max(self._changed.get(key, 0), self._removed.get(key, 0))
            if asked_at is None or latest <= asked_at:
                all_kept = self._keep(key, item) and all_kept
        return all_kept

    def change(self, entity: str, item: Mapping[str, Any], *, asked_at: int) -> None:
        """Keep an item as this request made it, by a call sent at the mark `asked_at`: unless it was deleted since."""
        key = (entity, str(item["id"]))
        self._marks += 1
        if self._removed.get(key, 0) <= asked_at:
            self._changed[key] = self._marks
            self._keep(key, item)

    def remove(self, entity: str, identity: str) -> None:
        """Forget an item that was deleted, also for answers to what was asked before. Unknown ids are ignored."""
        self._marks += 1
        self._removed[entity, identity] = self._marks
        self._forget((entity, identity))

    def resolve(self, entity: str, ids: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """All items of `entity`, or those named by `ids` in that order; ids that no tool returned are left out."""
        kept = self._items.get(entity, {})
        chosen = kept.keys() if ids is None else [identity for identity in dict.fromkeys(ids) if identity in kept]
        return [dict(kept[identity]) for identity in chosen]

    def _keep(self, key: tuple[str, str], item: Mapping[str, Any]) -> bool:
        entity, identity = key
        size = len(json.dumps(item, ensure_ascii=False, default=str))
        known = self._sizes.get(key)
        chars = self._chars + size - (known or 0)
        if chars > self._limits.kept_chars or (known is None and len(self._sizes) >= self._limits.kept_items):
            # An outdated version would be worse than none.
            self._forget(key)
            return False
        self._items.setdefault(entity, {})[identity] = item
        self._sizes[key] = size
        self._chars = chars
        return True

    def _forget(self, key: tuple[str, str]) -> None:
        entity, identity = key
        self._items.get(entity, {}).pop(identity, None)
        self._chars -= self._sizes.pop(key, 0)
