"""What the parser reports. Events are frozen, small and carry no reference to the parser.

Order, for one block index: `BlockOpened`, then any number of `TextDelta` (text blocks), then at most one of
`BlockReady` (other blocks) or `BlockRejected`. Indexes rise by one per block that the model opened.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from parser.blocks import Block, BlockType


class RejectReason(StrEnum):
    """Why a block was not accepted. The values are stable: they are metric labels and log fields."""

    INVALID_JSON = "invalid_json"
    UNFINISHED = "unfinished"
    INVALID_FIELD = "invalid_field"
    INVALID_NUMBER = "invalid_number"
    UNKNOWN_CHART_TYPE = "unknown_chart_type"
    TOO_LARGE = "too_large"
    TOO_DEEP = "too_deep"
    TOO_MANY_ROWS = "too_many_rows"
    TOO_MANY_COLUMNS = "too_many_columns"
    TOO_MANY_POINTS = "too_many_points"
    STRING_TOO_LONG = "string_too_long"


class Repair(StrEnum):
    """Kinds of repair of an accepted block. The values are stable: they are metric labels and log fields."""

    SYNTAX = "syntax"
    CLOSERS = "closers"
    TYPE_NAME = "type_name"
    TYPE_MISSING = "type_missing"
    MEMBER_NAME = "member_name"
    CHART_TYPE = "chart_type"
    CHART_DATA = "chart_data"
    TITLE = "title"
    SERIES = "series"
    COLOR = "color"
    NUMBER = "number"
    GAP = "gap"
    HEADER = "header"
    ROW = "row"
    ID = "id"
    DATE = "date"
    ENTITY = "entity"


@dataclass(frozen=True, slots=True)
class BlockOpened:
    """A block's type is known. `index` counts every block of the stream, from 0."""

    index: int
    type: BlockType


@dataclass(frozen=True, slots=True, init=False)
class TextDelta:
    """The next characters of text block `index`, decoded. Never empty."""

    index: int
    text: str

    def __init__(self, index: int, text: str) -> None:
        # One is made per token: this is twice as fast as the generated one, which goes through object.__setattr__.
        _set_index(self, index)
        _set_text(self, text)


_set_index: Callable[[TextDelta, int], None] = TextDelta.__dict__["index"].__set__
_set_text: Callable[[TextDelta, str], None] = TextDelta.__dict__["text"].__set__


@dataclass(frozen=True, slots=True)
class BlockReady:
    """Block `index` is complete and valid. `repairs` has the kinds of repair it needed, each kind once."""

    index: int
    block: Block
    repairs: tuple[Repair, ...] = ()


@dataclass(frozen=True, slots=True)
class BlockRejected:
    """Structured block `index` is invalid or unfinished. The parser goes on with the next block.

    `offset` is the number of characters fed before the fault. `excerpt` is the source up to the fault, at most 80
    characters. `detail` is a sentence for a person. `source` is the block as the model wrote it, for
    `parser.degradation`; of a block that is too large, it is the beginning.
    """

    index: int
    reason: RejectReason
    offset: int
    excerpt: str
    detail: str
    source: str = field(default="", repr=False)


Event = BlockOpened | TextDelta | BlockReady | BlockRejected


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a block is refused. `detail` is a sentence for a person that quotes nothing of the block.

    `at` is the index of the fault in the block's source; the end of the source when it is None.
    """

    reason: RejectReason
    detail: str
    at: int | None = None


INVALID_NUMBER = Fault(RejectReason.INVALID_NUMBER, "The block has a number that is not finite or is out of range.")
