"""Model text in, block events out.

The parser does no I/O and imports nothing of ours: feed it the text a model writes, as it comes, and act on the
events. See `parser.events` for what comes out and `parser.blocks` for what a valid block is.
"""

from parser.block_parser import BlockParser
from parser.blocks import Block, BlockType, ChartBlock, ChartType, Entity, EntityRefBlock, TableBlock, TimelineBlock
from parser.degradation import degraded
from parser.events import BlockOpened, BlockReady, BlockRejected, Event, RejectReason, Repair, TextDelta
from parser.limits import Limits
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
    "degraded",
    "well_formed",
    "well_formed_json",
]
