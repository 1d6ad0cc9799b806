"""Chooses the next tool calls from the request and the tool results so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from demo.items import Item, Items, entity_of, find_by_name
from demo.request import DemoRequest
from demo.schema import fill_arguments, missing_arguments
from demo.wish import TALKING, Wish

CHANGING = ("create", "complete", "reopen", "delete", "change")
# Other entities to list, so that an answer about an entity is complete.
_ALSO_READ: Mapping[str, tuple[str, ...]] = {
    "task": ("project", "checkpoint"),
    "project": ("task", "checkpoint"),
    "note": (),
    "checkpoint": ("project",),
}


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call that the model asks for."""

    name: str
    arguments: Mapping[str, Any]


def entity_for(wish: Wish, request: DemoRequest) -> str:
    """The entity that the wish is about: the one it names, else the open item's, else the agent's."""
    if wish.entity is not None and not (wish.this and request.open_item):
        return wish.entity
    if request.open_item is not None:
        return request.open_item[0]
    if wish.question.pick == "first" or wish.question.person is not None:
        return "task"
    if wish.timeline:
        return "checkpoint"
    for tool in (*request.tools, *(result.tool for result in request.results)):
        if tool.startswith("create_") and (entity := entity_of(tool)) is not None:
            return entity
    return next((entity for result in request.results if (entity := entity_of(result.tool)) is not None), "task")


def next_calls(wish: Wish, request: DemoRequest, items: Items) -> tuple[Call, ...]:
    """The calls to make now, concurrently; none if it is time to answer. No tool is called twice."""
    entity = entity_for(wish, request)
    if (
        request.repair
        or nothing_to_do(wish, request)
        or wish.missing_day is not None
        or wish.question.outside
        or wish.unknown
    ):
        return ()
    if wish.verb in TALKING or any(result.tool == change_tool(wish, request, entity) for result in request.results):
        return ()
    if wish.verb not in CHANGING:
        return _unasked(request, _reads(wish, request, entity))
    return _unasked(request, _lookups(wish, request, entity)) or _change(wish, request, items, entity)


def nothing_to_do(wish: Wish, request: DemoRequest) -> bool:
    """Whether the general agent, which can only list and hand over, was not asked to list anything."""
    own = [tool for tool in request.tools if tool != "hand_over"]
    reads_only = bool(own) and all(tool.startswith("list_") for tool in own)
    return wish.vague and reads_only and request.open_item is None


def change_tool(wish: Wish, request: DemoRequest, entity: str) -> str | None:
    """The offered or used tool that makes the wished change: `complete_task`, else `update_task`; None without one."""
    known = {*request.tools, *(result.tool for result in request.results)}
    verb = "update" if wish.verb == "change" else wish.verb
    fallback = f"update_{entity}" if wish.verb in {"complete", "reopen"} else None
    return next((name for name in (f"{verb}_{entity}", fallback) if name in known), None)


def targets(wish: Wish, request: DemoRequest, items: Items, entity: str) -> list[Item]:
    """The items that the wished change can refer to."""
    if wish.this:
        opened = request.open_item
        return [opened[1]] if opened is not None and opened[0] == entity and "id" in opened[1] else []
    if wish.place is not None and request.shown:
        # "the second one": of the latest list that was shown.
        if not -len(request.shown) <= wish.place < len(request.shown):
            return []
        shown, name = request.shown[wish.place]
        return find_by_name(items.of(entity), name) if shown in {"", entity} else []
    return find_by_name(items.of(entity), wish.name)


def creation(wish: Wish, request: DemoRequest, items: Items, entity: str) -> tuple[dict[str, Any], list[str]]:
    """The arguments of the create tool, and the names of required arguments that are missing."""
    schema = request.tools.get(f"create_{entity}", {})
    facts = {"name": wish.name or None, "content": wish.name or None, "day": wish.day, "priority": wish.priority}
    arguments = fill_arguments(schema, facts | {"project_id": _project_id(wish, items)})
    return arguments, missing_arguments(schema, arguments)


def _reads(wish: Wish, request: DemoRequest, entity: str) -> list[Call]:
    if wish.this and request.open_item is not None and wish.entity is None and wish.span is None:
        return [Call("list_projects", {})] if request.open_item[1].get("projectId") else []
    facts = {"search": wish.search}
    own = f"list_{entity}s"
    calls = [Call(own, fill_arguments(request.tools.get(own, {}), facts))]
    wanted = () if wish.search else _ALSO_READ[entity]
    asked = wish.question
    if asked.where is not None and "project" not in wanted:
        wanted = (*wanted, "project")
    if wish.overview or wish.group == "projectId" or asked.about is not None:
        wanted = tuple(other for other in _ALSO_READ if other != entity)
    return [*calls, *(Call(f"list_{other}s", {}) for other in wanted)]


def _lookups(wish: Wish, request: DemoRequest, entity: str) -> list[Call]:
    calls = []
    if wish.verb != "create" and not (wish.this and request.open_item is not None):
        calls.append(Call(f"list_{entity}s", {}))
    if wish.verb == "create" and wish.project is not None and entity != "project":
        calls.append(Call("list_projects", {}))
    return calls


def _change(wish: Wish, request: DemoRequest, items: Items, entity: str) -> tuple[Call, ...]:
    tool = change_tool(wish, request, entity)
    if tool is None or tool not in request.tools:
        return ()
    if wish.verb == "create":
        arguments, missing = creation(wish, request, items, entity)
        return () if missing or wish.this else (Call(tool, arguments),)
    found = targets(wish, request, items, entity)
    if len(found) != 1:
        return ()
    facts: dict[str, Any] = {"id": str(found[0]["id"])}
    if tool.startswith("update_"):
        facts |= _changes(wish)
        if len(facts) == 1:
            return ()
    return (Call(tool, fill_arguments(request.tools[tool], facts)),)


def _changes(wish: Wish) -> dict[str, Any]:
    if wish.verb in {"complete", "reopen"}:
        return {"status": "done" if wish.verb == "complete" else "todo"}
    known = {"day": wish.day, "priority": wish.priority, "is_approved": True if wish.approve else None}
    return {fact: value for fact, value in known.items() if value is not None}


def _project_id(wish: Wish, items: Items) -> str | None:
    found = find_by_name(items.of("project"), wish.project) if wish.project else []
    return str(found[0]["id"]) if len(found) == 1 else None


def _unasked(request: DemoRequest, calls: list[Call]) -> tuple[Call, ...]:
    asked = {result.tool for result in request.results}
    return tuple(call for call in calls if call.name in request.tools and call.name not in asked)
