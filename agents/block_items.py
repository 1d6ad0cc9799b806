"""Reads on the device the items that a block names and that no tool has returned."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import trio

from agents.binding import (
    MAX_LISTED,
    device_lists,
    matches_none,
    names_projects,
    names_unknown_project,
    needs_all_items,
    with_project_ids,
)
from agents.limits import AgentLimits
from agents.tools import DeviceAccess, ToolError, check_edit
from agents.turn import Turn
from parser.blocks import BoundChartBlock, EntityRefBlock
from person import Sentences
from streaming.answer import FetchableBlock
from streaming.wire import Entity

_ALL: Final[Mapping[str, Any]] = {"limit": MAX_LISTED}
_MAX_GETS = 5
"""Named items that are read one by one; for more, the entity is listed."""
_REASONS: Final = frozenset(("device_offline", "device_gone", "deadline", "denied", "tool_limit", "too_many"))


@dataclass(slots=True)
class _Listing:
    """One list or one item of the device, shared by all blocks that need it."""

    done: trio.Event = field(default_factory=trio.Event)
    problem: str | None = None
    empty: bool = False
    truncated: bool = False


class BlockItems:
    """The lists, and the single items, that the server reads for the blocks of one request.

    They count as tool calls of the request, and have its limits. Their items are kept in `turn.tool_results`, like
    those of the model's own calls.
    """

    def __init__(self, turn: Turn, limits: AgentLimits) -> None:
        self._turn = turn
        self._limits = limits
        self._access = DeviceAccess(turn, limits.approval_tools, check_edit)
        self._listings: dict[str, _Listing] = {}
        self._entities: set[str] = set()

    def unfetched(self, block: FetchableBlock) -> bool:
        """Whether `fetch` must be called before the block can be computed.

        If a tool of the model returned items of the entity, the block is about these. Items that were listed for
        another block do not count, because that block's filter may have left out what this one needs.
        """
        if isinstance(block, EntityRefBlock):
            return bool(self._missing(block))
        entity = block.source.entity
        projects = self._turn.tool_results.resolve("project")
        if names_unknown_project(block, projects) and not self._is_done("project", _ALL):
            return True
        if entity not in self._entities:
            return not self._turn.tool_results.resolve(entity)
        block = with_project_ids(block, projects)
        return not all(self._is_done(entity, args) for args in device_lists(block, self._turn.calendar))

    def _is_done(self, entity: Entity, args: Mapping[str, Any]) -> bool:
        listing = self._listings.get(_key(entity, args))
        return listing is not None and listing.done.is_set() and listing.problem is None and not listing.truncated

    def _missing(self, block: EntityRefBlock) -> list[tuple[Entity, Mapping[str, Any]]]:
        """The calls that a reference still needs: for each named item that was not read yet, or for all items.

        None if a tool of the model returned items of the entity: value-bound blocks are about these, so no others are
        added. A call that was answered, whatever the answer was, is not made again.
        """
        entity: Entity = block.entity.value
        found = self._turn.tool_results.resolve(entity)
        if found and entity not in self._entities:
            return []
        wanted: list[Mapping[str, Any]] = [_ALL]
        if block.ids is not None:
            known = {str(item["id"]) for item in found}
            unknown = [item_id for item_id in dict.fromkeys(block.ids) if item_id not in known]
            if len(unknown) <= _MAX_GETS:
                wanted = [{"id": item_id} for item_id in unknown]
        return [(entity, args) for args in wanted if not self._was_answered(entity, args)]

    def _was_answered(self, entity: Entity, args: Mapping[str, Any]) -> bool:
        listing = self._listings.get(_key(entity, args))
        return listing is not None and listing.done.is_set() and listing.problem is None

    async def fetch(self, block: FetchableBlock) -> str | None:
        """Read what `block` names. Returns None, or a sentence for the person that says why the block is not shown."""
        if isinstance(block, EntityRefBlock):
            return await self._fetch_reference(block)
        entity = block.source.entity
        results = self._turn.tool_results
        if names_unknown_project(block, results.resolve("project")):
            await self._read_all([("project", _ALL)])
        block = with_project_ids(block, results.resolve("project"))
        if entity not in self._entities and results.resolve(entity):
            return None  # only the project's id was missing
        self._entities.add(entity)
        wanted: list[tuple[Entity, Mapping[str, Any]]] = [
            (entity, args) for args in device_lists(block, self._turn.calendar)
        ]
        lists = len(wanted)
        if names_projects(block) and not results.resolve("project"):
            # Only for the names: without them, the block shows the projects' ids.
            wanted.append(("project", _ALL))
        found = (await self._read_all(wanted))[:lists]
        problem = next((one.problem for one in found if one.problem is not None), None)
        if problem is None and any(one.truncated for one in found) and needs_all_items(block):
            problem = "too_many"
        if problem is not None:
            return self._say_problem(block, entity, problem)
        items = results.resolve(entity)
        # A device may not test every condition, so a list with items can still have none that match.
        if all(one.empty for one in found) or matches_none(entity, items, block.source.filter, self._turn.calendar):
            return self._say("block.no_match", block, entity)
        return None

    async def _fetch_reference(self, block: EntityRefBlock) -> str | None:
        """As `fetch`. Items that could be read are shown without those that the device does not have."""
        entity: Entity = block.entity.value
        missing = self._missing(block)
        self._entities.add(entity)
        found = await self._read_all(missing)
        if self._turn.tool_results.resolve(entity, block.ids):
            return None
        problem = next((one.problem for one in found if one.problem is not None), None)
        if problem is not None:
            return self._say_problem(block, entity, problem)
        return self._say("block.no_items" if block.ids is None else "block.no_match", block, entity)

    def _say_problem(self, block: FetchableBlock, entity: Entity, problem: str) -> str:
        sentences = Sentences.of(self._turn.locale.language)
        reason = f"reason.{problem if problem in _REASONS else 'unreadable'}"
        return self._say(
            "block.unshown", block, entity, reason=sentences.say(reason, items=sentences.say(f"items.{entity}"))
        )

    def _say(self, key: str, block: FetchableBlock, entity: Entity, **values: str) -> str:
        """A sentence about `block` in the person's language."""
        sentences = Sentences.of(self._turn.locale.language)
        items = sentences.say(f"items.{entity}")
        if isinstance(block, BoundChartBlock):
            name = sentences.say("block.chart", title=block.title)
        else:
            name = sentences.say(f"block.{block.type.value}", items=items)
        return sentences.say(key, block=name, items=items, **values)

    async def _read_all(self, wanted: Sequence[tuple[Entity, Mapping[str, Any]]]) -> list[_Listing]:
        async with trio.open_nursery() as nursery:
            for of, args in wanted:
                nursery.start_soon(self._list, of, args)
        return [self._listings[_key(of, args)] for of, args in wanted]

    async def _list(self, entity: Entity, args: Mapping[str, Any]) -> None:
        key = _key(entity, args)
        listing = self._listings.get(key)
        if listing is not None:
            await listing.done.wait()
            return
        listing = self._listings[key] = _Listing()
        use, limits = self._turn.tool_use, self._limits
        if use.calls >= limits.max_calls or use.seconds >= limits.tool_time_s:
            listing.problem = "tool_limit"
            listing.done.set()
            return
        use.calls += 1
        began = trio.current_time()
        listing.problem = "deadline"
        try:
            with trio.move_on_at(began + limits.tool_time_s - use.seconds):
                if "id" in args:
                    await self._access.get_item(entity, args["id"])
                    listed: Mapping[str, Any] = {"items": [args]}
                else:
                    listed = await self._access.list_items(entity, args)
                listing.problem = None
                listing.empty = not listed["items"]
                listing.truncated = listed.get("truncated") is True
        except ToolError as error:
            listing.problem = None if error.code == "not_found" else error.code
            listing.empty = True
        finally:
            use.seconds += trio.current_time() - began
            listing.done.set()


def _key(entity: str, args: Mapping[str, Any]) -> str:
    return json.dumps([entity, args], sort_keys=True, default=str)
