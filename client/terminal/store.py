"""The data of a device: tasks, projects, notes and checkpoints in one JSON file, or only in memory.

All calls are synchronous; `client.terminal.tools` runs `save` in a worker thread. A date is a calendar day
(`2026-03-09`), or an instant: epoch milliseconds or an ISO 8601 time.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args
from uuid import uuid4

from parser import well_formed
from person import UTC_CALENDAR, Calendar
from streaming.wire import Entity, MutationOp

Item = dict[str, Any]
ENTITIES: tuple[Entity, ...] = get_args(Entity)
DEFAULT_LIMIT = 200
NAME_FIELD: Mapping[str, str] = {"task": "title", "project": "name", "note": "title", "checkpoint": "title"}
DEFAULTS: Mapping[str, Item] = {
    "task": {"status": "todo", "priority": "medium", "assignee": None, "dueDate": None, "projectId": None},
    "project": {"clientId": None, "status": "active"},
    "note": {"content": "", "projectId": None},
    "checkpoint": {"projectId": None, "isAiSuggested": False, "isApproved": True},
}


class NotFoundError(LookupError):
    """No item of this entity has this id."""


class InvalidDataError(ValueError):
    """The store rejects an item or a file. The message says what is wrong."""


class DeviceStore:
    """Items by entity and id, in order of creation. With `path` None, the items are only in memory."""

    def __init__(
        self,
        path: Path | None = None,
        items: Mapping[str, list[Item]] | None = None,
        calendar: Callable[[], Calendar] = lambda: UTC_CALENDAR,
    ) -> None:
        """`calendar` returns the person's calendar now. Filters compare days and instants in its zone."""
        self.path = path
        self._calendar = calendar
        # The names of items that were deleted since the start, to tell the person which item is gone.
        self._deleted: dict[tuple[str, str], str] = {}
        given = items or {}
        self._items: dict[str, dict[str, Item]] = {
            entity: {str(item["id"]): dict(item) for item in given.get(entity, ())} for entity in ENTITIES
        }

    @classmethod
    def load(
        cls,
        path: Path,
        sample: Mapping[str, list[Item]],
        calendar: Callable[[], Calendar] = lambda: UTC_CALENDAR,
    ) -> DeviceStore:
        """Read the store from `path`, or create one with `sample` if the file is missing. Raises `InvalidDataError`."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return cls(path, sample, calendar)
        except ValueError as error:
            raise InvalidDataError(f"{path} is not JSON: {error}") from None
        if not isinstance(content, dict) or not all(_is_list_of_items(content.get(entity, [])) for entity in ENTITIES):
            raise InvalidDataError(f"{path} must contain a list of items under each of {', '.join(ENTITIES)}")
        return cls(path, content, calendar)

    def save(self) -> None:
        """Replace the file atomically. Does nothing without a path."""
        if self.path is None:
            return
        content = {entity: list(items.values()) for entity, items in self._items.items()}
        write_atomically(self.path, json.dumps(content, ensure_ascii=False, indent=1))

    def list(
        self,
        entity: str,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the protocol's own word
        text: str | None = None,
        limit: int | None = None,
    ) -> tuple[list[Item], int]:
        """Return the matching items up to the limit, and the number of all matching items.

        A filter maps a field to a value, or to a range with `after` (inclusive) and `before` (exclusive). All words of
        `text` must occur in the item's strings, in any case.
        """
        words, calendar = (text or "").casefold().split(), self._calendar()
        found = [
            dict(item)
            for item in self._items[entity].values()
            if all(_matches(item.get(field), wanted, calendar) for field, wanted in (filter or {}).items())
            and _mentions(item, words)
        ]
        bound = DEFAULT_LIMIT if limit is None else max(0, limit)
        return found[:bound], len(found)

    def get(self, entity: str, id: str) -> Item:  # noqa: A002 - the protocol's own word
        """Return a copy of one item. Raises `NotFoundError`."""
        return dict(self._existing(entity, id))

    def name_of(self, entity: str, id: object) -> str | None:  # noqa: A002
        """Return an item's name for people, also of an item that was deleted here, or None for an unknown id."""
        item = self._items.get(entity, {}).get(str(id))
        return self._deleted.get((entity, str(id))) if item is None else str(item.get(NAME_FIELD[entity]))

    def create(self, entity: str, data: Mapping[str, Any], *, now_ms: int) -> Item:
        """Add an item with a new id. Raises `InvalidDataError` if it has no title (a project: no `name`)."""
        item: Item = {"id": f"{entity}-{uuid4().hex[:8]}", **DEFAULTS[entity]}
        if entity == "note":
            item["createdAt"] = now_ms
        item |= {field: value for field, value in data.items() if field != "id"}
        self._check(entity, item)
        self._items[entity][item["id"]] = item
        return dict(item)

    def update(self, entity: str, id: str, data: Mapping[str, Any]) -> Item:  # noqa: A002
        """Change fields and return the whole item. Raises `NotFoundError` and `InvalidDataError`."""
        item = self._existing(entity, id) | {field: value for field, value in data.items() if field != "id"}
        self._check(entity, item)
        self._items[entity][id] = item
        return dict(item)

    def delete(self, entity: str, id: str) -> None:  # noqa: A002
        """Forget an item. Raises `NotFoundError`."""
        self._deleted[entity, id] = str(self._existing(entity, id).get(NAME_FIELD[entity]))
        del self._items[entity][id]

    def apply(self, op: MutationOp, entity: Entity, id: str, data: Mapping[str, Any] | None) -> None:  # noqa: A002
        """Apply a change of another device. It may arrive twice, or refer to an item that is not here."""
        if op == "delete":
            self._items[entity].pop(id, None)
        else:
            self._items[entity][id] = self._items[entity].get(id, {}) | dict(data or {}) | {"id": id}

    def _existing(self, entity: str, id: str) -> Item:  # noqa: A002
        try:
            return self._items[entity][id]
        except KeyError:
            raise NotFoundError(f"There is no {entity} with the id {id}.") from None

    @staticmethod
    def _check(entity: str, item: Item) -> None:
        name = item.get(NAME_FIELD[entity])
        if not isinstance(name, str) or not name.strip():
            raise InvalidDataError(f"A {entity} needs a {NAME_FIELD[entity]}.")
        if entity == "checkpoint" and UTC_CALENDAR.read(item.get("date")) is None:
            raise InvalidDataError(
                "A checkpoint needs a date: a day such as 2026-03-09, epoch milliseconds or ISO 8601."
            )


def write_atomically(path: Path, text: str, mode: int = 0o600) -> None:
    """Replace the file atomically: after a crash, `path` has the old or the new text.

    Unpaired surrogates, which UTF-8 does not have, become U+FFFD.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), mode)
            file.write(well_formed(text))
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _matches(value: object, wanted: object, calendar: Calendar) -> bool:
    if not isinstance(wanted, Mapping):
        return value == wanted
    when = calendar.read(value)
    if when is None:
        return False
    before, after = calendar.read(wanted.get("before")), calendar.read(wanted.get("after"))
    if before is not None and not calendar.is_before(when, before):
        return False
    return after is None or not calendar.is_before(when, after)


def _mentions(item: Item, words: list[str]) -> bool:
    text = " ".join(value for value in item.values() if isinstance(value, str)).casefold()
    return all(word in text for word in words)


def _is_list_of_items(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) and "id" in item for item in value)
