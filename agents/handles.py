"""Short names for the items of one request. A model reads and writes `t1` instead of an id of 36 characters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

# An id that is this short costs a model no more than a handle, so it stays unchanged.
_SHORT_CHARS: Final = 16
_HANDLE: Final = re.compile(r"[tpnci]\d{1,5}")
_PREFIXES: Final[Mapping[str, str]] = {"task": "t", "project": "p", "note": "n", "checkpoint": "c"}
_NESTED: Final[Mapping[str, str]] = {
    "nextDue": "task",
    "checkpointsAhead": "checkpoint",
    "checkpoints": "checkpoint",
}
"""Fields that hold items of another entity: in the progress of a project, and in the record of a timeline."""


def entity_of_reference(field: str) -> str | None:
    """The entity whose id a field such as `projectId` holds; None for other fields."""
    entity = field.removesuffix("Id")
    return entity if entity != field and entity in _PREFIXES else None


class Handles:
    """The handles of one request: `t1` for its first task, `p2` for its second project.

    Each id has one handle and each handle one id. An id of at most 16 characters is its own handle.
    """

    def __init__(self) -> None:
        self._handles: dict[str, str] = {}
        self._ids: dict[str, str] = {}
        self._counts: dict[str, int] = {}

    @property
    def in_use(self) -> bool:
        """Whether any handle differs from its id."""
        return bool(self._counts)

    def of(self, entity: str, item_id: str) -> str:
        """The handle of an id, which is made when it is first asked for."""
        known = self._handles.get(item_id)
        if known is not None:
            return known
        handle = item_id if len(item_id) <= _SHORT_CHARS and item_id not in self._ids else self._next(entity)
        self._handles[item_id] = handle
        self._ids[handle] = item_id
        return handle

    def id_of(self, written: str) -> str:
        """The id of a handle. Any other text is returned unchanged."""
        return self._ids.get(written, written)

    def is_known(self, written: str) -> bool:
        """Whether `written` is a handle of this request."""
        return written in self._ids

    def shorten(self, data: Any, entity: str | None) -> Any:
        """A tool's result, or items of `entity`, with handles instead of ids."""
        if isinstance(data, Mapping):
            return {key: self._shorten_field(key, value, entity) for key, value in data.items()}
        if isinstance(data, list):
            return [self.shorten(one, entity) for one in data]
        return data

    def shorten_fact(self, fact: Any) -> Any:
        """What an earlier answer showed or changed, with handles instead of ids. An answer has several such `facts`."""
        if not isinstance(fact, Mapping):
            return fact
        if isinstance(facts := fact.get("facts"), list):
            return {**fact, "facts": [self.shorten_fact(one) for one in facts]}
        entity = fact.get("entity", fact.get("read"))
        return self.shorten(fact, entity if isinstance(entity, str) else None)

    def _shorten_field(self, key: str, value: Any, entity: str | None) -> Any:
        if isinstance(value, Mapping | list):
            return self.shorten(value, _NESTED.get(key, entity))
        named = entity if key == "id" else entity_of_reference(key)
        if named is not None and isinstance(value, str | int) and not isinstance(value, bool) and value != "":
            return self.of(named, str(value))
        return value

    def _next(self, entity: str) -> str:
        prefix = _PREFIXES.get(entity, "i")
        while True:
            self._counts[prefix] = self._counts.get(prefix, 0) + 1
            handle = f"{prefix}{self._counts[prefix]}"
            if handle not in self._ids:
                return handle


def looks_like_handle(written: str) -> bool:
    """Whether `written` has the form of a handle."""
    return _HANDLE.fullmatch(written) is not None
