"""The items that tools returned in one request, by entity and id. Blocks take their data from here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from agents.limits import AgentLimits


class ToolResults:
    """Items as the device returned them: the newest version of each id, in the order in which ids were first seen.

    An item without an `id` is not kept, because no block could refer to it. Items beyond the limits are not kept.

    Calls run concurrently, so an answer may hold the state of an item before a change by this request. The caller takes
    a `mark` before it sends a call. With the mark, an outdated answer neither overwrites a change nor restores a
    deleted item.
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
        """From now on keep at most `kept_items` items of about `kept_chars` characters together."""
        self._limits = limits

    def mark(self) -> int:
        """The number of changes so far in this request; take it when a call is sent."""
        return self._marks

    def add(self, entity: str, items: Iterable[Mapping[str, Any]], *, asked_at: int | None = None) -> bool:
        """Keep the items that a call read; a newer version of an item takes the place of the older one.

        Items that the request changed or deleted after the mark `asked_at` stay unchanged. Returns False if an item was
        not kept because of the limits.
        """
        all_kept = True
        for item in items:
            if (item_id := item.get("id")) is None:
                continue
            key = (entity, str(item_id))
            latest = max(self._changed.get(key, 0), self._removed.get(key, 0))
            if asked_at is None or latest <= asked_at:
                all_kept = self._keep(key, item) and all_kept
        return all_kept

    def change(self, entity: str, item: Mapping[str, Any], *, asked_at: int) -> None:
        """Keep the result of a change made by a call sent at the mark `asked_at`, unless the item was deleted since."""
        key = (entity, str(item["id"]))
        self._marks += 1
        if self._removed.get(key, 0) <= asked_at:
            self._changed[key] = self._marks
            self._keep(key, item)

    def remove(self, entity: str, item_id: str) -> None:
        """Drop a deleted item; answers to earlier calls do not restore it. Unknown ids are ignored."""
        self._marks += 1
        self._removed[entity, item_id] = self._marks
        self._forget((entity, item_id))

    def resolve(self, entity: str, ids: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """All items of `entity`, or those with `ids` in that order; ids that no tool returned are left out."""
        kept = self._items.get(entity, {})
        chosen = kept.keys() if ids is None else [item_id for item_id in dict.fromkeys(ids) if item_id in kept]
        return [dict(kept[item_id]) for item_id in chosen]

    def all(self) -> dict[str, list[dict[str, Any]]]:
        """All items, by entity."""
        return {entity: self.resolve(entity) for entity in self._items}

    def titles(self) -> set[str]:
        """The titles and names of the items."""
        items = [item for found in self.all().values() for item in found]
        return {name for item in items for key in ("title", "name") if isinstance(name := item.get(key), str)}

    def _keep(self, key: tuple[str, str], item: Mapping[str, Any]) -> bool:
        entity, item_id = key
        size = len(json.dumps(item, ensure_ascii=False, default=str))
        known = self._sizes.get(key)
        chars = self._chars + size - (known or 0)
        if chars > self._limits.kept_chars or (known is None and len(self._sizes) >= self._limits.kept_items):
            # An outdated version would be worse than no item.
            self._forget(key)
            return False
        self._items.setdefault(entity, {})[item_id] = item
        self._sizes[key] = size
        self._chars = chars
        return True

    def _forget(self, key: tuple[str, str]) -> None:
        entity, item_id = key
        self._items.get(entity, {}).pop(item_id, None)
        self._chars -= self._sizes.pop(key, 0)
