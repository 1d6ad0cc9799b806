"""The blocks that a model may write, as pydantic models, and what a value-bound block may say in its `from` member.

Everything here is pure data. Other packages import it from here.
"""

from parser.blocks.bindings import (
    Aggregate,
    BindReason,
    ChartFrom,
    Condition,
    Filter,
    Grouping,
    Interval,
    TableFrom,
    TimelineFrom,
)
from parser.blocks.models import (
    CONDITION_KEYS,
    Block,
    BlockType,
    BoundBlock,
    BoundChartBlock,
    BoundTableBlock,
    BoundTimelineBlock,
    ChartBlock,
    ChartType,
    Entity,
    EntityRefBlock,
    TableBlock,
    TimelineBlock,
    TitledBoundTable,
    TitledTable,
)

__all__ = [
    "CONDITION_KEYS",
    "Aggregate",
    "BindReason",
    "Block",
    "BlockType",
    "BoundBlock",
    "BoundChartBlock",
    "BoundTableBlock",
    "BoundTimelineBlock",
    "ChartBlock",
    "ChartFrom",
    "ChartType",
    "Condition",
    "Entity",
    "EntityRefBlock",
    "Filter",
    "Grouping",
    "Interval",
    "TableBlock",
    "TableFrom",
    "TimelineBlock",
    "TimelineFrom",
    "TitledBoundTable",
    "TitledTable",
]
