"""Blocks that name their data instead of writing it: what `from` may say in a chart, a table or a timeline.

The server computes the block's data from what tools returned, so a model cannot make the numbers up. An unknown member
is refused by name. Dates are days (`2026-03-09`), ISO 8601 times, or epoch milliseconds.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

Scalar = str | int | float | bool | None
FieldName = Annotated[str, Field(min_length=1, max_length=64)]
Moment = str | int | float
Interval = Literal["day", "week", "month"]
EntityName = Literal["task", "project", "note", "checkpoint"]


class BindReason(StrEnum):
    """Why a value-bound block could not be computed. The values are stable: they are metric labels and log fields.

    `not_fetched`: no tool returned any item of the entity; `no_data`: of those returned none matches.
    """

    NOT_FETCHED = "not_fetched"
    NO_DATA = "no_data"
    UNKNOWN_FIELD = "unknown_field"
    NOT_A_NUMBER = "not_a_number"
    NOT_A_DATE = "not_a_date"
    NOT_A_VALUE = "not_a_value"
    TOO_MANY_GROUPS = "too_many_groups"


class Aggregate(StrEnum):
    """What is computed of a group: the number of its items, or of the numbers in one of their fields."""

    COUNT = "count"
    SUM = "sum"
    AVG = "avg"
    MIN = "min"
    MAX = "max"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)


class Condition(_Part):
    """What a field must be; all that is given must hold. `after` is that moment or later, `before` is earlier."""

    before: Moment | None = None
    after: Moment | None = None
    unlike: Annotated[Scalar | list[Scalar], Field(alias="not")] = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("give before, after or not")
        return self


Filter = dict[FieldName, Scalar | Annotated[list[Scalar], Field(max_length=500)] | Condition]
"""By field: a value, values of which one must match (null: the field is empty), or a `Condition`."""


class _Source(_Part):
    """Members that are null count as left out: models that must write every member write so."""

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, data: Any) -> Any:
        return {name: value for name, value in data.items() if value is not None} if isinstance(data, dict) else data


class _From(_Source):
    """`order` is by `sort`; without `sort` items keep the order in which tools returned them."""

    entity: EntityName
    filter: Annotated[Filter, Field(max_length=16)] | None = None
    sort: FieldName | None = None
    order: Literal["asc", "desc"] | None = None
    limit: Annotated[int, Field(ge=1, le=500)] | None = None

    @model_validator(mode="after")
    def _orders_something(self) -> Self:
        if self.order is not None and self.sort is None:
            raise ValueError("order needs sort, what to order by")
        return self


class Grouping(_From):
    """Items in groups, and one number of each. `interval` makes groups of a date field: days (the default), weeks or
    months of the person's calendar. `agg` other than count needs `field`. `sort` is `value` or `group`.
    """

    group_by: FieldName | None = None
    interval: Interval | None = None
    agg: Aggregate = Aggregate.COUNT
    field: FieldName | None = None

    @model_validator(mode="after")
    def _has_its_field(self) -> Self:
        if self.agg is not Aggregate.COUNT and self.field is None:
            raise ValueError(f"agg {self.agg.value} needs field, the number to take of each item")
        if self.interval is not None and self.group_by is None:
            raise ValueError("interval needs groupBy, the date to group by")
        return self


class ChartFrom(Grouping):
    """One point per group. With `splitBy`, one series per value of that field."""

    split_by: FieldName | None = None


class TableFrom(Grouping):
    """With `columns`, one row per item. With `groupBy`, one row per group."""

    columns: Annotated[list[FieldName], Field(min_length=1, max_length=16)] | None = None

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> Self:
        if self.columns is not None and self.group_by is not None:
            raise ValueError("columns and groupBy exclude one another")
        if self.group_by is None and self.agg is not Aggregate.COUNT:
            raise ValueError(f"agg {self.agg.value} needs groupBy")
        return self


class TimelineFrom(_Source):
    """Checkpoints at their dates, or tasks at their due dates, the earliest first."""

    entity: Literal["checkpoint", "task"] = "checkpoint"
    filter: Annotated[Filter, Field(max_length=16)] | None = None
    limit: Annotated[int, Field(ge=1, le=500)] | None = None
