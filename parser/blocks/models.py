"""The blocks a model may write, as pydantic models: what a `BlockReady` event carries.

Field names are the Electron components' own (`chartType`, `dueDate`). Text blocks have no model: their content is
reported as it comes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from math import isfinite
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from parser.blocks.bindings import ChartFrom, TableFrom, TimelineFrom

_NUMBERS = frozenset((int, float))  # bool is none

Cell = str | int | float | bool | None


class BlockType(StrEnum):
    """Every value of a block's `type`."""

    TEXT = "text"
    CHART = "chart"
    TABLE = "table"
    TIMELINE = "timeline"
    ENTITY_REF = "entity_ref"


class ChartType(StrEnum):
    """The shadcn/ui chart components of the client."""

    AREA = "area"
    BAR = "bar"
    LINE = "line"
    PIE = "pie"
    RADAR = "radar"
    RADIAL = "radial"


class Entity(StrEnum):
    """What lives on the device."""

    TASK = "task"
    PROJECT = "project"
    NOTE = "note"
    CHECKPOINT = "checkpoint"


class _Block(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class ChartSeries(_Block):
    """One entry of a chart's `config`, as shadcn's ChartConfig has it."""

    label: str
    color: str


class ChartBlock(_Block):
    """`data` has one object a point; every key of `config` names a numeric series in it, in which null is a gap."""

    type: Literal[BlockType.CHART]
    chartType: ChartType  # noqa: N815 - the component's own name
    title: str
    data: Annotated[list[dict[str, Cell]], Field(min_length=1)]
    config: dict[str, ChartSeries]

    @model_validator(mode="after")
    def _series_are_numeric(self) -> Self:
        if not self.config:
            raise ValueError("config names no series")
        for key in self.config:
            numbers = [number for point in self.data if (number := point.get(key)) is not None]
            if not numbers:
                raise ValueError(f"config key {key!r} names no number in data")
            if not _finite(numbers):
                raise ValueError(f"series {key!r} has a value that is not a finite number")
        return self


def _finite(values: Sequence[object]) -> bool:
    """Whether all are numbers that a float holds, as the client's are floats."""
    if not _NUMBERS.issuperset(map(type, values)):
        return False
    try:
        return all(map(isfinite, values))  # type: ignore[arg-type] # numbers, as was just seen
    except OverflowError:
        return False


class TableBlock(_Block):
    """Every row is as long as `headers`."""

    type: Literal[BlockType.TABLE]
    headers: Annotated[list[str], Field(min_length=1)]
    rows: list[list[Cell]]

    @model_validator(mode="after")
    def _rows_fit(self) -> Self:
        width = len(self.headers)
        if set(map(len, self.rows)) <= {width}:
            return self
        for number, row in enumerate(self.rows):
            if len(row) != width:
                raise ValueError(f"row {number} has {len(row)} cells for {width} headers")
        return self


class TitledTable(TableBlock):
    """A table with a title above it and a note below it; both may be empty.

    A table that the model wrote with a title, or the data of a chart that cannot be drawn.
    """

    title: str = ""
    note: str = ""


_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def _day_or_instant(value: object) -> object:
    """A calendar day and a local time stay as they are written; a time with an offset becomes epoch milliseconds."""
    if isinstance(value, bool):
        raise ValueError("a date is epoch milliseconds or ISO 8601")  # noqa: TRY004 - pydantic wants ValueError
    if not isinstance(value, str):
        return value
    written = value.strip()
    moment = datetime.fromisoformat(written)
    return written if moment.tzinfo is None or _DAY.fullmatch(written) else int(moment.timestamp() * 1000)


class TimelineCheckpoint(BaseModel):
    """One bar of the Gantt chart. Other fields pass through.

    `date` is a day (`2026-03-09`), a local time without an offset, or an instant in epoch milliseconds.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    id: str
    title: str
    date: Annotated[int | str, BeforeValidator(_day_or_instant)]


class TimelineBlock(_Block):
    type: Literal[BlockType.TIMELINE]
    checkpoints: list[TimelineCheckpoint]


class BoundChartBlock(_Block):
    """A chart whose `data` and `config` the server computes; what the model wrote of them is dropped."""

    type: Literal[BlockType.CHART]
    chartType: ChartType  # noqa: N815 - the component's own name
    title: str
    source: Annotated[ChartFrom, Field(alias="from")]


class BoundTableBlock(_Block):
    """A table whose `headers` and `rows` the server computes."""

    type: Literal[BlockType.TABLE]
    source: Annotated[TableFrom, Field(alias="from")]


class TitledBoundTable(BoundTableBlock):
    """A value-bound table with a title above it."""

    title: str


class BoundTimelineBlock(_Block):
    """A timeline whose `checkpoints` the server computes."""

    type: Literal[BlockType.TIMELINE]
    source: Annotated[TimelineFrom, Field(alias="from")]


CONDITION_KEYS: Final = ("filter", "where")
"""Members with which a model means some of the items. A reference has no place for them."""


class EntityRefBlock(_Block):
    """A reference that the server resolves from this request's tool results; never the model's own copy of the data."""

    type: Literal[BlockType.ENTITY_REF]
    entity: Entity
    ids: list[str] | None = None

    @model_validator(mode="before")
    @classmethod
    def _names_its_items(cls, members: object) -> object:
        # Without `ids` the block means all items. One with an `id` or a condition does not mean all.
        if isinstance(members, dict) and members.get("ids") is None:
            if isinstance(id_ := members.get("id"), str | int) and not isinstance(id_, bool) and id_ != "":
                return {**members, "ids": [str(id_)]}
            if any(members.get(name) for name in CONDITION_KEYS):
                raise ValueError("an entity_ref has no filter: name the items in `ids`, or use a table with `from`")
        return members


BoundBlock = BoundChartBlock | BoundTableBlock | BoundTimelineBlock
Block = ChartBlock | TableBlock | TimelineBlock | EntityRefBlock | BoundBlock
