"""The twenty tools of a device over a `DeviceStore`: five verbs for each of four entities."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import trio

from client.terminal.calls import Tool, ToolError, Tools
from client.terminal.store import ENTITIES, DeviceStore, InvalidDataError, Item, NotFoundError
from streaming.wire import WsServerMutation


def epoch_ms() -> int:
    """Return the current time in epoch milliseconds."""
    return int(time.time() * 1000)


class DeviceTools:
    """The tools of one store. A tool that changes the store saves it before it returns."""

    def __init__(self, store: DeviceStore, now_ms: Callable[[], int] = epoch_ms) -> None:
        self.store = store
        self._now_ms = now_ms
        self._saving = trio.Lock()

    def table(self) -> Tools:
        """Map tool names to functions: `list_tasks`, `get_task`, `create_task`, `update_task`, `delete_task`, ..."""
        tools: dict[str, Tool] = {}
        for entity in ENTITIES:
            tools[f"list_{entity}s"] = self._list(entity)
            tools[f"get_{entity}"] = self._get(entity)
            tools[f"create_{entity}"] = self._create(entity)
            tools[f"update_{entity}"] = self._update(entity)
            tools[f"delete_{entity}"] = self._delete(entity)
        return tools

    async def apply(self, mutation: WsServerMutation) -> None:
        """Apply a change of another device. Use it as `on_mutation` of `open_device`."""
        self.store.apply(mutation.op, mutation.entity, mutation.id, mutation.data)
        await self.save()

    async def save(self) -> None:
        """Write the store's file in a worker thread, one write at a time."""
        async with self._saving:
            await trio.to_thread.run_sync(self.store.save)

    def _list(self, entity: str) -> Tool:
        async def list_items(args: Mapping[str, Any]) -> dict[str, Any]:
            wanted, text, limit = args.get("filter") or {}, args.get("text"), args.get("limit")
            _check("filter", isinstance(wanted, Mapping), "an object")
            _check("text", text is None or isinstance(text, str), "a string")
            _check("limit", limit is None or (isinstance(limit, int) and not isinstance(limit, bool)), "an integer")
            items, total = self.store.list(entity, wanted, text, limit)
            return {"items": items, "truncated": total > len(items), "total": total}

        return _with_tool_errors(list_items)

    def _get(self, entity: str) -> Tool:
        async def get_item(args: Mapping[str, Any]) -> Item:
            return self.store.get(entity, _id(args))

        return _with_tool_errors(get_item)

    def _create(self, entity: str) -> Tool:
        async def create_item(args: Mapping[str, Any]) -> Item:
            item = self.store.create(entity, _data(args), now_ms=self._now_ms())
            await self.save()
            return item

        return _with_tool_errors(create_item)

    def _update(self, entity: str) -> Tool:
        async def update_item(args: Mapping[str, Any]) -> Item:
            item = self.store.update(entity, _id(args), _data(args))
            await self.save()
            return item

        return _with_tool_errors(update_item)

    def _delete(self, entity: str) -> Tool:
        async def delete_item(args: Mapping[str, Any]) -> dict[str, str]:
            item_id = _id(args)
            self.store.delete(entity, item_id)
            await self.save()
            return {"id": item_id}

        return _with_tool_errors(delete_item)


def _with_tool_errors(tool: Tool) -> Tool:
    """Convert the store's errors to the protocol's tool errors."""

    async def run(args: Mapping[str, Any]) -> Any:
        try:
            return await tool(args)
        except NotFoundError as error:
            raise ToolError("not_found", str(error)) from None
        except InvalidDataError as error:
            raise ToolError("invalid_args", str(error)) from None

    return run


def _id(args: Mapping[str, Any]) -> str:
    item_id = args.get("id")
    _check("id", isinstance(item_id, str) and bool(item_id), "a string that is not empty")
    return str(item_id)


def _data(args: Mapping[str, Any]) -> Mapping[str, Any]:
    data = args.get("data")
    if not isinstance(data, Mapping):
        raise ToolError("invalid_args", "`data` must be an object.")
    return data


def _check(name: str, holds: bool, what: str) -> None:
    if not holds:
        raise ToolError("invalid_args", f"`{name}` must be {what}.")
