"""The data of a valid block: its own, or what the request's tools returned for a value-bound block or a reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from parser import Unshown
from parser.blocks import (
    Block,
    BoundBlock,
    BoundChartBlock,
    BoundTableBlock,
    BoundTimelineBlock,
    EntityRefBlock,
    TitledBoundTable,
)
from person import Sentences

UNRESOLVED = "unresolved"

Resolve = Callable[[str, Sequence[str] | None], list[dict[str, Any]]]
"""The items of an entity that this request's tools returned: all of them, or those with these ids."""


@dataclass(frozen=True, slots=True)
class Unbound:
    """A block whose data does not exist or cannot be computed; `detail` is a sentence for the model.

    `reason` is a `BindReason` value, `unresolved` for a reference to unknown items, or `ungrounded` for data that no
    tool has returned.
    """

    reason: str
    detail: str


FetchableBlock = BoundBlock | EntityRefBlock
"""A block that names the items of an entity."""


@dataclass(frozen=True, slots=True)
class UnfetchedBlock:
    """A block that names items which must be fetched from the device before it can be computed.

    It stands in the list of frames where the block's frame belongs. Fetch the items, then pass it to the formatter's
    `complete`. `replaces`: the block corrects a rejected one.
    """

    index: int
    block: FetchableBlock
    replaces: bool = False


IsUnfetched = Callable[[FetchableBlock], bool]
"""Whether the items of a value-bound block or of a reference must be fetched first."""

Bind = Callable[[BoundBlock], dict[str, Any] | Unbound]
"""The data of a value-bound block, computed from what this request's tools returned."""


def block_data(block: Block, resolve: Resolve, bind: Bind) -> dict[str, Any] | Unbound:
    """The `data` of a `stream_block` frame, or the reason why the block has no data."""
    match block:
        case EntityRefBlock(entity=entity, ids=ids):
            items = resolve(entity.value, ids)
            if items:
                return {"entity": entity.value, "items": items}
            return Unbound(UNRESOLVED, f"No tool of this conversation returned such a {entity.value}.")
        case BoundChartBlock() | BoundTableBlock() | BoundTimelineBlock():
            data = bind(block)
            return (
                {**data, "title": block.title}
                if isinstance(block, TitledBoundTable) and isinstance(data, dict)
                else data
            )
    return block.model_dump(mode="json", exclude={"type"}, exclude_defaults=True)


@dataclass(frozen=True, slots=True)
class UnshownBlocks:
    """`count` equal blocks of which nothing can be shown."""

    block: Unshown
    count: int = 1

    def sentence(self, sentences: Sentences) -> str:
        """What the person reads about them."""
        return unshown_sentence(self.block, self.count, sentences)


def unshown_sentence(block: Unshown, count: int, sentences: Sentences) -> str:
    """What the person reads about `count` such blocks."""
    title = sentences.say("answer.unshown_title", title=block.title) if block.title else ""
    return sentences.say(f"unshown.{block.kind}", count=count, title=title)
