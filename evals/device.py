"""The simulated device: the twenty tools over the scenario's items, with the scenario's approvals and stubs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import trio

from client.terminal.calls import Tool, ToolError, Tools
from client.terminal.store import DEFAULTS, DeviceStore
from client.terminal.tools import DeviceTools
from evals.observed import Call, ItemChange
from evals.scenario import Edit, Item, Items, Scenario, StubOutcome
from person import Calendar, zone_named
from streaming.wire import Entity, WsToolCall

_OPS = {"create": "create", "update": "update", "delete": "delete"}


class _Store(DeviceStore):
    """Gives new items predictable ids: `new-task-1`, `new-task-2`, ..."""

    def create(self, entity: str, data: Mapping[str, Any], *, now_ms: int) -> Item:
        """See `DeviceStore.create`."""
        self._check(entity, {**DEFAULTS[entity], **data})
        number = 1 + sum(item_id.startswith(f"new-{entity}-") for item_id in self._items[entity])
        item: Item = {"id": f"new-{entity}-{number}", **DEFAULTS[entity]}
        if entity == "note":
            item["createdAt"] = now_ms
        item |= {field: value for field, value in data.items() if field != "id"}
        self._items[entity][item["id"]] = item
        return dict(item)


class SimulatedDevice:
    """Runs and records the calls of one trial. `turn` is the number of the running turn; `stop` cancels its answer."""

    def __init__(self, scenario: Scenario, items: Items) -> None:
        self.calls: list[Call] = []
        self.changes: list[ItemChange] = []
        self.turn = 0
        self.stop: Callable[[], Awaitable[None]] | None = None
        now_ms = int(scenario.person.now.timestamp() * 1000)
        calendar = Calendar(zone_named(scenario.person.zone))
        self._store = _Store(None, {str(entity): found for entity, found in items.items()}, lambda: calendar)
        self._real = DeviceTools(self._store, lambda: now_ms).table()
        self._approvals = scenario.device.approvals
        self._stubs = scenario.device.stubs
        self._used: dict[int, int] = {}

    def items(self) -> Items:
        """The items now."""
        entities: tuple[Entity, ...] = ("task", "project", "note", "checkpoint")
        return {entity: self._store.list(entity, limit=10_000)[0] for entity in entities}

    def tools(self) -> Tools:
        """The twenty tools, for `open_device`."""
        return {name: self._watched(name, tool) for name, tool in self._real.items()}

    async def approve(self, call: WsToolCall) -> bool | Mapping[str, Any]:
        """Answers for the person. See `client.terminal.calls.Approve`."""
        answer = self._approvals.get(call.tool, "approve")
        if isinstance(answer, Edit):
            return {**call.args, **answer.edit}
        if answer == "never_answer":
            self._note(call.tool, call.args, "deadline")
            await trio.sleep_forever()
        if answer == "deny":
            self._note(call.tool, call.args, "denied")
        return answer == "approve"

    def _watched(self, name: str, tool: Tool) -> Tool:
        async def run(args: Mapping[str, Any]) -> Any:
            outcome = self._stubbed(name, args)
            if outcome is not None and outcome.throw is not None:
                self._note(name, args, outcome.throw.code)
                raise ToolError(outcome.throw.code, outcome.throw.message)
            if outcome is not None and not outcome.real:
                self._note(name, args, "deadline" if outcome.deadline else "cancelled")
                if outcome.cancel and self.stop is not None:
                    await self.stop()
                await trio.sleep_forever()
            try:
                result = await tool(args)
            except ToolError as error:
                self._note(name, args, error.code)
                raise
            self._note(name, args, "ok")
            self._note_change(name, result)
            return result

        return run

    def _stubbed(self, name: str, args: Mapping[str, Any]) -> StubOutcome | None:
        for number, stub in enumerate(self._stubs):
            if stub.tool == name and all(args.get(field) == value for field, value in stub.match.items()):
                used = self._used[number] = self._used.get(number, 0) + 1
                return stub.outcomes[used - 1] if used <= len(stub.outcomes) else None
        return None

    def _note(self, tool: str, args: Mapping[str, Any], outcome: str) -> None:
        self.calls.append(Call(self.turn, tool, dict(args), outcome))

    def _note_change(self, tool: str, result: Any) -> None:
        verb, _, entity = tool.partition("_")
        for known in ("task", "project", "note", "checkpoint"):
            if verb in _OPS and entity == known:
                self.changes.append(ItemChange(self.turn, _OPS[verb], known, str(result["id"])))
