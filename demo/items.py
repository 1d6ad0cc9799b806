"""The person's items, from the tool results of this turn."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from demo.dates import DATE_FIELD, day_of
from demo.request import ToolResult

Item = Mapping[str, Any]
_PRIORITIES = {"urgent": 0, "high": 1, "medium": 2, "low": 3}


@dataclass(slots=True)
class Items:
    """Items by entity, in the order of the results. A later version of an item replaces an earlier one."""

    by_entity: dict[str, dict[str, Item]] = field(default_factory=dict)
    deleted: list[Item] = field(default_factory=list)
    cut: bool = False

    def of(self, entity: str) -> list[Item]:
        return list(self.by_entity.get(entity, {}).values())

    def project_name(self, item: Item) -> str | None:
        """The name of the item's project, or its id if the projects were not listed."""
        project_id = item.get("projectId")
        if project_id is None:
            return None
        return title(self.by_entity.get("project", {}).get(str(project_id), {"name": project_id}))


def gather(results: Sequence[ToolResult]) -> Items:
    """The items in `results`. The name of the tool gives their entity (`list_tasks`, `get_note`, `complete_task`)."""
    items = Items()
    for result in results:
        entity = entity_of(result.tool)
        if entity is None or not isinstance(result.data, Mapping):
            continue
        listed = result.data.get("items")
        items.cut |= result.data.get("truncated") is True or ("note" in result.data and listed is not None)
        kept = items.by_entity.setdefault(entity, {})
        if result.tool.startswith("delete_"):
            if (gone := kept.pop(str(result.arguments.get("id")), None)) is not None:
                items.deleted.append(gone)
            continue
        for item in listed if isinstance(listed, list) else [result.data]:
            if isinstance(item, Mapping) and item.get("id") is not None:
                kept[str(item["id"])] = item
    return items


def entity_of(tool: str) -> str | None:
    """The entity at the end of a tool's name."""
    match = re.search(r"_(task|project|note|checkpoint)s?$", tool)
    return match[1] if match else None


def title(item: Item) -> str:
    """The item's title or name, else its id."""
    name = item.get("title") or item.get("name") or item.get("id") or "untitled"
    return str(name)


def item_day(entity: str, item: Item) -> date | None:
    """The day on which the item is due, happens, or was created."""
    return day_of(item.get(DATE_FIELD[entity])) if entity in DATE_FIELD else None


def is_done(item: Item) -> bool:
    return str(item.get("status")) in {"done", "completed"}


def urgency(item: Item) -> tuple[bool, date, int]:
    """A sort key for tasks: open tasks first, then by due date (no date last), then by priority."""
    return is_done(item), item_day("task", item) or date.max, _PRIORITIES.get(str(item.get("priority")), 2)


def find_by_name(items: Sequence[Item], name: str) -> list[Item]:
    """The items that `name` can refer to: by id or whole title, else by most of its words."""
    wanted, words = name.casefold(), _words(name)
    exact = [item for item in items if wanted in {str(item.get("id")).casefold(), title(item).casefold()}]
    if exact:
        return exact
    shared = [(len(words & _words(title(item))), item) for item in items]
    most = max((count for count, _ in shared), default=0)
    if most == 0 or most * 2 <= len(words):
        return []
    return [item for count, item in shared if count == most]


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.casefold())) - {"the", "a", "an", "my", "to", "of", "and"}
