"""Checks a block that a model wrote before it is shown: handles become the device's ids, and data must be grounded."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from agents.handles import Handles, entity_of_reference
from agents.registry import AGENTS
from agents.tools import plain, plain_title
from agents.turn import Turn
from parser.blocks import (
    Block,
    BoundChartBlock,
    BoundTableBlock,
    BoundTimelineBlock,
    Condition,
    EntityRefBlock,
    TableBlock,
    TimelineBlock,
)
from streaming.answer import UNGROUNDED, Unbound

_PLACEHOLDER: Final = re.compile(r"<[^<>]*>|\.{3}|…")


class BlockAdmission:
    """The check of the blocks of one turn."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn

    def admit(self, block: Block) -> Block | Unbound:
        """`block` with the device's ids, or the reason why it is not shown. Cards may be named by title.

        It is ungrounded if it is a table or a timeline that is written out, an agent of an entity wrote it, and no tool
        has returned an item in this request. So is a timeline of any agent with ids that no tool returned.
        """
        block = with_device_ids(block, self._turn.handles)
        if isinstance(block, EntityRefBlock):
            return _with_titles_read(block, self._turn)
        if not isinstance(block, TableBlock | TimelineBlock):
            return block
        returned = {str(item["id"]) for items in self._turn.tool_results.all().values() for item in items}
        agent = AGENTS.get(self._turn.agent_name or "")
        if not returned and agent is not None and agent.entity is not None:
            return Unbound(
                UNGROUNDED,
                "No tool has returned an item in this request, so this data is invented. Use the form with `from`.",
            )
        if isinstance(block, TimelineBlock):
            unknown = [point.id for point in block.checkpoints if point.id not in returned]
            if unknown:
                return Unbound(
                    UNGROUNDED,
                    f"No tool has returned the id {unknown[0][:100]!r}. Use the form with `from`.",
                )
        return block


def _with_titles_read(block: EntityRefBlock, turn: Turn) -> EntityRefBlock:
    """`block` with the ids of returned items that it names by title.

    A model that copies `<id>` from the description of the block names no item: it means those that were returned.
    """
    items = turn.tool_results.resolve(block.entity)
    if block.ids is None or not items:
        return block
    ids = {str(item["id"]) for item in items}
    named: dict[str, list[str]] = {}
    for item in items:
        named.setdefault(plain_title(item), []).append(str(item["id"]))
    written = [one for one in block.ids if one in ids or _PLACEHOLDER.fullmatch(one.strip()) is None]
    found = [one if one in ids else _only(named.get(plain(one)), one) for one in written]
    return block.model_copy(update={"ids": found if found or not block.ids else None})


def _only(candidates: Sequence[str] | None, written: str) -> str:
    return candidates[0] if candidates is not None and len(candidates) == 1 else written


def with_device_ids(block: Block, handles: Handles) -> Block:
    """`block` with the device's ids instead of handles: in references, in filters, and in a timeline's points."""
    if not handles.in_use:
        return block
    match block:
        case EntityRefBlock(ids=ids) if ids is not None:
            return block.model_copy(update={"ids": [handles.id_of(one) for one in ids]})
        case BoundChartBlock() | BoundTableBlock() | BoundTimelineBlock():
            return _with_ids_in_filter(block, handles)
        case TimelineBlock(checkpoints=points):
            named = [point.model_copy(update={"id": handles.id_of(point.id)}) for point in points]
            return block.model_copy(update={"checkpoints": named})
    return block


def _with_ids_in_filter(block: BoundChartBlock | BoundTableBlock | BoundTimelineBlock, handles: Handles) -> Block:
    source = block.source
    if source.filter is None:
        return block
    conditions = {
        name: _ids(value, handles) if name == "id" or entity_of_reference(name) is not None else value
        for name, value in source.filter.items()
    }
    return block.model_copy(update={"source": source.model_copy(update={"filter": conditions})})


def _ids(value: Any, handles: Handles) -> Any:
    match value:
        case str():
            return handles.id_of(value)
        case list():
            return [_ids(one, handles) for one in value]
        case Condition(unlike=unlike) if unlike is not None:
            return value.model_copy(update={"unlike": _ids(unlike, handles)})
    return value
