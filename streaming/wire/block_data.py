"""The `data` of `stream_block` by `block_type`, and its items: models for the schema.

Charts, tables and timelines are the parser's own models. Entity references contain the items that the server found.
Items come from the device: the known fields are declared here, other fields are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict

from parser.blocks import ChartBlock, TimelineBlock, TitledTable

Date = int | float | str
"""Epoch milliseconds or ISO 8601, as stored on the device."""


class _Item(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow")

    id: str


class Task(_Item):
    title: str
    description: str | None = None
    status: str | None = None
    priority: str | None = None
    assignee: str | None = None
    dueDate: Date | None = None  # noqa: N815 - the device's own name
    projectId: str | None = None  # noqa: N815


class Project(_Item):
    name: str
    description: str | None = None
    clientId: str | None = None  # noqa: N815
    status: str | None = None


class Note(_Item):
    title: str
    content: str | None = None
    createdAt: Date | None = None  # noqa: N815
    projectId: str | None = None  # noqa: N815


class Checkpoint(_Item):
    title: str
    date: Date
    projectId: str | None = None  # noqa: N815
    isAiSuggested: bool | None = None  # noqa: N815
    isApproved: bool | None = None  # noqa: N815


class TaskRefData(BaseModel):
    entity: Literal["task"]
    items: list[Task]


class ProjectRefData(BaseModel):
    entity: Literal["project"]
    items: list[Project]


class NoteRefData(BaseModel):
    entity: Literal["note"]
    items: list[Note]


class CheckpointRefData(BaseModel):
    entity: Literal["checkpoint"]
    items: list[Checkpoint]


PARSED_BLOCKS: Mapping[str, type[BaseModel]] = {
    "ChartData": ChartBlock,
    "TableData": TitledTable,
    "TimelineData": TimelineBlock,
}
"""The parser's models, sent without `type`, which is the frame's `block_type`."""

ENTITY_REFS: tuple[type[BaseModel], ...] = (TaskRefData, ProjectRefData, NoteRefData, CheckpointRefData)
