"""The change that a device made for a tool call, read from the call and its result. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, get_args

from pydantic import ValidationError

from agents.device import DEVICE_TOOLS
from streaming.wire import MAX_ENTITY_ID_CHARS, MutationOp, WsMutationRecord, WsToolCall, WsToolResult

_CHANGES: Final = frozenset(get_args(MutationOp))


def changes_data(tool: str) -> bool:
    """Whether this tool of a device changes data."""
    return tool.partition("_")[0] in _CHANGES


def change_of(call: WsToolCall, result: WsToolResult) -> WsMutationRecord | None:
    """What the device changed for `call`.

    None if it changed nothing, or if the result does not say which item it created. An item that the result of an
    update does not have is recorded without data.
    """
    item_id = _named(result) if call.tool.startswith("create_") else str(call.args.get("id", ""))
    return _record(call.tool, item_id, result)


def stated_change(result: WsToolResult) -> WsMutationRecord | None:
    """What the device changed for a call that the server does not know, by the tool and the item that it names.

    None if it changed nothing, or does not name them.
    """
    return None if result.tool is None else _record(result.tool, result.id, result)


def _named(result: WsToolResult) -> str | None:
    """The id of the item in the result."""
    found = result.data.get("id") if isinstance(result.data, Mapping) else None
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else None


def _record(tool: str, item_id: str | None, result: WsToolResult) -> WsMutationRecord | None:
    op, _, entity = tool.partition("_")
    if op not in _CHANGES or tool not in DEVICE_TOOLS or not result.ok or result.edited_args is not None:
        return None
    if item_id is None or not 0 < len(item_id) <= MAX_ENTITY_ID_CHARS:
        return None
    item, named = result.data if isinstance(result.data, Mapping) else {}, _named(result)
    if op == "create" and named != item_id:
        return None
    data = dict(item) if op != "delete" and named == item_id else None
    try:
        return WsMutationRecord.model_validate({"op": op, "entity": entity, "id": item_id, "data": data})
    except ValidationError:
        return None
