"""The structured data that tools returned in one request, by entity and id: what `entity_ref` blocks resolve from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any


class ToolResults:
    """Items as the device returned them, in the order in which they were first seen, the newest version of each id.

    An item without an `id` is not kept: nothing could refer to it.
    """

    def __init__(self) -> None:
        self._items: dict[str, dict[str, Mapping[str, Any]]] = {}

    def add(self, entity: str, items: Iterable[Mapping[str, Any]]) -> None:
        """Keep `items`; one that is there already is replaced in its place."""
        kept = self._items.setdefault(entity, {})
        for item in items:
            if (identity := item.get("id")) is not None:
                kept[str(identity)] = item

    def remove(self, entity: str, identity: str) -> None:
        """Forget an item that was deleted. Unknown ids are ignored."""
        self._items.get(entity, {}).pop(identity, None)

    def resolve(self, entity: str, ids: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """All items of `entity`, or those named by `ids` in that order; ids that no tool returned are left out."""
        kept = self._items.get(entity, {})
        chosen = kept.keys() if ids is None else [identity for identity in dict.fromkeys(ids) if identity in kept]
        return [dict(kept[identity]) for identity in chosen]
