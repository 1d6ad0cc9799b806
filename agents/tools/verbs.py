"""The device's five verbs as tools for each entity, generated from one table."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from agents.tools.concurrent_calls import call_all, merge_lists
from agents.tools.device_access import PLURALS, DeviceAccess
from agents.tools.fields import (
    ById,
    CreateArgs,
    CreateCheckpoint,
    CreateNote,
    CreateProject,
    CreateTask,
    ListArgs,
    ListCheckpoints,
    ListNotes,
    ListProjects,
    ListTasks,
    UpdateArgs,
    UpdateCheckpoint,
    UpdateNote,
    UpdateProject,
    UpdateTask,
)
from agents.tools.tool import Tool
from streaming.wire import Entity


@dataclass(frozen=True, slots=True)
class EntityFields:
    """The argument models of one entity's list, create and update."""

    list_args: type[ListArgs]
    create_args: type[CreateArgs]
    update_args: type[UpdateArgs]


ENTITIES: dict[Entity, EntityFields] = {
    "task": EntityFields(ListTasks, CreateTask, UpdateTask),
    "project": EntityFields(ListProjects, CreateProject, UpdateProject),
    "note": EntityFields(ListNotes, CreateNote, UpdateNote),
    "checkpoint": EntityFields(ListCheckpoints, CreateCheckpoint, UpdateCheckpoint),
}


def read_tools(entity: Entity) -> tuple[Tool[Any], ...]:
    """The list and get tools, which change nothing."""
    plural = PLURALS[entity]

    async def run_list(access: DeviceAccess, args: ListArgs) -> Any:
        wanted = args.device_args(access.now_ms, access.calendar)
        if len(wanted) == 1:
            return await access.list_items(entity, wanted[0], keeps=args.keeps)
        calls = [partial(access.list_items, entity, one, keeps=args.keeps) for one in wanted]
        return merge_lists(await call_all(*calls), args.limit)

    async def run_get(access: DeviceAccess, args: ById) -> Any:
        return await access.get_item(entity, args.id)

    return (
        Tool(
            f"list_{plural}",
            f"List {plural}.",
            ENTITIES[entity].list_args,
            run_list,
            entity,
            changes=False,
        ),
        Tool(f"get_{entity}", f"Get a {entity} with all its fields.", ById, run_get, entity, changes=False),
    )


def write_tools(entity: Entity) -> tuple[Tool[Any], ...]:
    """The create, update and delete tools."""
    fields = ENTITIES[entity]

    async def run_create(access: DeviceAccess, args: CreateArgs) -> Any:
        return await access.create_item(entity, args.device_data())

    async def run_update(access: DeviceAccess, args: Any) -> Any:
        return await access.update_item(entity, args.id, args.device_data())

    async def run_delete(access: DeviceAccess, args: ById) -> Any:
        return await access.delete_item(entity, args.id)

    return (
        Tool(f"create_{entity}", f"Create a {entity}.", fields.create_args, run_create, entity),
        Tool(
            f"update_{entity}",
            f"Change fields of a {entity}; `clear` empties fields.",
            fields.update_args,
            run_update,
            entity,
        ),
        Tool(
            f"delete_{entity}",
            f"Delete a {entity}. The person is asked first.",
            ById,
            run_delete,
            entity,
            exact_titles=True,
        ),
    )
