"""Model text in, block events out.

The parser does no I/O and imports no other package of this project. Feed it the text of a model as it arrives, and act
on the events. `parser.events` describes the events, `parser.blocks` the valid blocks.
"""

from parser.block_parser import BlockParser
from parser.blocks import (
    Block,
    BlockType,
    ChartBlock,
    ChartType,
    Entity,
    EntityRefBlock,
    TableBlock,
    TimelineBlock,
    TitledTable,
)
from parser.degradation import Unshown, data_text, degraded, degraded_text, readable
from parser.events import BlockOpened, BlockReady, BlockRejected, Event, RejectReason, Repair, TextDelta
from parser.limits import Limits
from parser.prose import Written, as_written
from parser.repair import repaired
from parser.surrogates import SurrogateMender, well_formed, well_formed_json

__all__ = [
    "Block",
    "BlockOpened",
    "BlockParser",
    "BlockReady",
    "BlockRejected",
    "BlockType",
    "ChartBlock",
    "ChartType",
    "Entity",
    "EntityRefBlock",
    "Event",
    "Limits",
    "RejectReason",
    "Repair",
    "SurrogateMender",
    "TableBlock",
    "TextDelta",
    "TimelineBlock",
    "TitledTable",
    "Unshown",
    "Written",
    "as_written",
    "data_text",
    "degraded",
    "degraded_text",
    "readable",
    "repaired",
    "well_formed",
    "well_formed_json",
]
