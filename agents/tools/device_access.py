"""The device's five verbs for one request: makes each call, checks its answer, and records what it returned.

Tool results and mutations of a request are recorded only here, so no tool can forget to record them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any, Final

from agents.dates import DATE_FIELDS, is_within
from agents.device import DEVICE_TOOLS, DeviceCall, DeviceResult, Outcome
from agents.handles import Handles
from agents.tools.error import ToolError
from agents.turn import Turn
from person import Calendar
from streaming.wire import MAX_ENTITY_ID_CHARS, Entity, MutationOp, WsMutationRecord

PLURALS: dict[Entity, str] = {"task": "tasks", "project": "projects", "note": "notes", "checkpoint": "checkpoints"}

_UNCERTAIN: Final = frozenset({Outcome.DEADLINE, Outcome.CANCELLED, Outcome.DEVICE_GONE, Outcome.UNKNOWN})
"""The outcomes after which the device may have made a change."""

Item = dict[str, Any]
CheckEdit = Callable[[DeviceCall, Mapping[str, Any], Calendar], dict[str, Any]]
"""Checks the arguments of a call as the person edited them. Raises a `ToolError` that names the field."""


class DeviceAccess:
    """Runs device calls for `turn`. Every method raises `ToolError` if the call has no usable answer."""

    def __init__(self, turn: Turn, approval_tools: Collection[str] = (), check_edit: CheckEdit | None = None) -> None:
        """`approval_tools` need the person's approval, in addition to the delete tools; `check_edit` checks edits."""
        self._turn = turn
        self._approval_tools = approval_tools
        self._check_edit = check_edit

    @property
    def now_ms(self) -> int:
        """When the request arrived, in epoch milliseconds."""
        return self._turn.now_ms

    @property
    def calendar(self) -> Calendar:
        """The person's calendar."""
        return self._turn.calendar

    @property
    def handles(self) -> Handles:
        """The request's handles."""
        return self._turn.handles

    def knows(self, entity: Entity, item_id: str) -> bool:
        """Whether the item was read in this request, or is the one that the popup was opened on."""
        scope = self._turn.scope
        open_id = scope.id if scope is not None and scope.type == entity and scope.item is not None else None
        return item_id == open_id or bool(self._turn.tool_results.resolve(entity, [item_id]))

    async def look_up(self, entity: Entity, args: Mapping[str, Any]) -> list[Item]:
        """A list of items to find one by its title. It is not kept for blocks, which show what the model listed."""
        return _items_of(await self._answer(DeviceCall(f"list_{PLURALS[entity]}", args)))

    async def list_items(
        self, entity: Entity, args: Mapping[str, Any], *, keeps: Callable[[Item], bool] = lambda _: True
    ) -> Item:
        """`{"items": [...], "truncated"?: true, "total"?: n}`. `docs/protocol.md` has the `args`: `filter`, `text`, ...

        The result is `truncated` if the device cut the list, or if some items could not be kept for blocks. Items that
        are not in the filter's ranges of dates are dropped: a device may compare days in its own way, or not at all. So
        are items for which `keeps` returns False. `total` is the device's number of all items that meet the conditions,
        also those that it left out. It is missing if items were dropped here: the device counts by other conditions.
        """
        asked_at = self._turn.tool_results.mark()
        data = await self._answer(DeviceCall(f"list_{PLURALS[entity]}", args))
        conditions = args.get("filter") or {}
        found = _items_of(data)
        kept = [item for item in found if self._is_in_ranges(item, conditions) and keeps(item)]
        all_kept = self._turn.tool_results.add(entity, kept, asked_at=asked_at)
        cut = data.get("truncated") is True or not all_kept
        if not cut:
            return {"items": kept}
        total = data.get("total")
        counted = type(total) is int and total >= len(kept) == len(found)
        return {"items": kept, "truncated": True} | ({"total": total} if counted else {})

    def _is_in_ranges(self, item: Item, conditions: Mapping[str, Any]) -> bool:
        calendar = self.calendar
        return all(
            is_within(calendar.read(item.get(name)), bounds, calendar)
            for name, bounds in conditions.items()
            if name in DATE_FIELDS and isinstance(bounds, Mapping)
        )

    async def get_item(self, entity: Entity, item_id: str) -> Item:
        asked_at = self._turn.tool_results.mark()
        item = _item(await self._answer(DeviceCall(f"get_{entity}", {"id": item_id})), item_id)
        self._turn.tool_results.add(entity, [item], asked_at=asked_at)
        return item

    async def create_item(self, entity: Entity, data: Mapping[str, Any]) -> Item:
        """The new item, with its id."""
        asked_at = self._turn.tool_results.mark()
        answer = await self._answer(DeviceCall(f"create_{entity}", {"data": dict(data)}))
        try:
            item = _item(answer)
        except ToolError:
            self._turn.tool_use.uncertain_changes += 1
            raise
        self._turn.tool_results.change(entity, item, asked_at=asked_at)
        self._record("create", entity, str(item["id"]), item)
        return item

    async def update_item(self, entity: Entity, item_id: str, data: Mapping[str, Any]) -> Item:
        """The whole item after the change."""
        asked_at = self._turn.tool_results.mark()
        answer = await self._answer(DeviceCall(f"update_{entity}", {"id": item_id, "data": dict(data)}))
        try:
            item = _item(answer, item_id)
        except ToolError:
            # The device reported success: the change is recorded, although the new state is unknown.
            self._record("update", entity, item_id, None)
            raise
        self._turn.tool_results.change(entity, item, asked_at=asked_at)
        self._record("update", entity, item_id, item)
        return item

    async def delete_item(self, entity: Entity, item_id: str) -> Item:
        """`{"id": item_id, "deleted": true}`. The device asks the person first."""
        await self._answer(DeviceCall(f"delete_{entity}", {"id": item_id}))
        self._turn.tool_results.remove(entity, item_id)
        self._record("delete", entity, item_id, None)
        return {"id": item_id, "deleted": True}

    def cautious(self) -> DeviceAccess:
        """The same, but every change needs the person's approval."""
        changing = {tool for tool in DEVICE_TOOLS if not tool.startswith(("list_", "get_"))}
        return DeviceAccess(self._turn, changing | {*self._approval_tools}, self._check_edit)

    async def _answer(self, call: DeviceCall) -> Any:
        if call.tool.startswith("delete_") or call.tool in self._approval_tools:
            call = replace(call, requires_approval=True)
        result = await self._execute(call)
        if result.outcome is Outcome.EDITED and self._check_edit is not None:
            # The person approved the edited call, so no second approval. The device runs the checked arguments.
            edited = self._check_edit(call, result.data, self.calendar)
            result = await self._execute(DeviceCall(call.tool, edited))
        if not result.ok:
            raise ToolError.of(result)
        return result.data

    async def _execute(self, call: DeviceCall) -> DeviceResult:
        """Make the call. While it has no certain outcome, also if it is cancelled, it counts as uncertain."""
        if call.tool.startswith(("list_", "get_")):
            return await self._turn.device.execute(call)
        self._turn.tool_use.uncertain_changes += 1
        result = await self._turn.device.execute(call)
        if result.outcome not in _UNCERTAIN:
            self._turn.tool_use.uncertain_changes -= 1
        return result

    def _record(self, op: MutationOp, entity: Entity, item_id: str, data: Item | None) -> None:
        # An id that does not fit in a frame cannot be announced. The device has made the change all the same.
        if 0 < len(item_id) <= MAX_ENTITY_ID_CHARS:
            self._turn.mutations.append(WsMutationRecord(op=op, entity=entity, id=item_id, data=data))


def _items_of(data: Any) -> list[Item]:
    items = data.get("items") if isinstance(data, Mapping) else None
    if not isinstance(items, list) or not all(isinstance(item, Mapping) for item in items):
        raise _malformed("a list of items")
    return [dict(item) for item in items]


def _item(data: Any, item_id: str | None = None) -> Item:
    """`data` if it is an item, with the id `item_id` if that is given. Raises `ToolError` otherwise."""
    found = data.get("id") if isinstance(data, Mapping) else None
    if not isinstance(found, str | int) or isinstance(found, bool):
        raise _malformed("an item with an id")
    if item_id is not None and str(found) != item_id:
        raise _malformed("the item that was asked for")
    return dict(data)


def _malformed(wanted: str) -> ToolError:
    return ToolError("malformed_result", f"The device said it succeeded, but did not send back {wanted}.")
