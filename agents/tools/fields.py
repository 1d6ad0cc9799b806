"""The arguments of the five verbs over the four entities: which fields a model may set, clear and filter by.

The status and priority values are those that a model may write. A device may return other values, which are kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date, timedelta
from itertools import product
from math import prod
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from agents.dates import DateArgument, DaysArgument, due_word
from agents.tools.error import ToolError
from agents.tools.tool import ToolArgs
from person import Calendar

_Stripped = StringConstraints(strip_whitespace=True)


_LIST_AS_TEXT: Final = re.compile(r"\s*\[.*\]\s*", re.DOTALL)


def _several(value: Any) -> Any:
    """One value as a list of it. Models also write a list as text: `"[\\"todo\\"]"`."""
    if isinstance(value, str) and _LIST_AS_TEXT.fullmatch(value):
        try:
            return json.loads(value if '"' in value else value.replace("'", '"'))
        except (ValueError, RecursionError):
            return [value]
    return [value] if isinstance(value, str | int) else value


def _several_words(value: Any) -> Any:
    """As `_several`, also for words with commas or bars between them."""
    if isinstance(value, str) and re.search("[,|]", value) and not _LIST_AS_TEXT.fullmatch(value):
        return [word.strip() for word in re.split("[,|]", value) if word.strip()]
    return _several(value)


def _open_too(value: Any) -> Any:
    """A filter for open tasks means those that are not done."""
    words = value if isinstance(value, list) else [value]
    read = [one.strip().casefold() if isinstance(one, str) else one for one in words]
    if not {"open", "not_done", "not done", "unfinished"} & {one for one in read if isinstance(one, str)}:
        return value
    return list(dict.fromkeys(["todo", "in_progress", *(one for one in read if one == "done")]))


Identity = Annotated[str, _Stripped, Field(min_length=1, max_length=200)]
Title = Annotated[str, _Stripped, Field(min_length=1, max_length=500)]
Person = Annotated[str, _Stripped, Field(min_length=1, max_length=200)]
Body = Annotated[str, Field(max_length=100_000)]


def _known_as(**words: str) -> BeforeValidator:
    """Reads other words that models write for a value: `name="word word"`. They are in lower case, joined by `_`."""
    values = {word: value for value, named in words.items() for word in named.split()}

    def read(written: Any) -> Any:
        if not isinstance(written, str):
            return written
        word = "_".join(written.casefold().replace("-", " ").split())
        return values.get(word, word if word in words else written)

    return BeforeValidator(read)


TaskStatus = Annotated[
    Literal["todo", "in_progress", "done"],
    _known_as(todo="to_do open pending not_started", in_progress="started doing", done="completed complete finished"),
]
TaskPriority = Annotated[
    Literal["low", "medium", "high"], _known_as(low="", medium="normal", high="urgent highest critical")
]
ProjectStatus = Annotated[
    Literal["active", "on_hold", "completed"],
    _known_as(active="open in_progress", on_hold="paused", completed="complete done finished"),
]
Due = Annotated[Literal["today", "overdue", "week"], BeforeValidator(due_word)]
_MOST_CALLS = 12
_WILDCARDS = frozenset({"any", "all", "*"})
_NOTHING = frozenset({"none", "null", "n/a", "nil", "undefined"})
# A single value is accepted too.
_AnyWordOf = (
    BeforeValidator(_several_words),
    Field(min_length=1, max_length=5),
)
_AnyOf = (
    BeforeValidator(_several),
    Field(min_length=1, max_length=5),
)


def _is_wildcard(value: Any) -> bool:
    words = value if isinstance(value, list) else [value]
    return bool(words) and all(isinstance(one, str) and one.strip().casefold() in _WILDCARDS for one in words)


def _is_nothing(value: Any) -> bool:
    return isinstance(value, str) and value.strip().casefold() in _NOTHING


class ById(ToolArgs):
    """Names one item."""

    id: Identity


class ListArgs(ToolArgs):
    """Filters; an item must match all that are given."""

    # Argument -> (field of the item, end of the range). Every other argument of a subclass is the value of a field.
    RANGES: ClassVar[Mapping[str, tuple[str, str]]] = {}
    # Argument -> field of the item that must be on that day, or in that span of days.
    DAYS: ClassVar[Mapping[str, str]] = {}

    @model_validator(mode="before")
    @classmethod
    def _drop_wildcards(cls, data: Any) -> Any:
        """Small models write `any` or `all` for a filter that they do not use. Then no item would match."""
        if not isinstance(data, Mapping):
            return data
        return {name: value for name, value in data.items() if not _is_wildcard(value)}

    text: Annotated[str | None, _Stripped, Field(max_length=500)] = None
    limit: Annotated[int, Field(ge=1, le=500)] = 200

    def device_args(self, now_ms: int, calendar: Calendar) -> list[dict[str, Any]]:
        """The `args` of the device's list calls, which filter by one value: a call for each choice of values.

        Raises `ToolError` if these are too many.
        """
        given = self.model_dump(by_alias=True, exclude_none=True, exclude={"text", "limit"})
        wanted: dict[str, Any] = {}
        several: dict[str, list[Any]] = {}
        for name, value in given.items():
            if name in self.RANGES:
                field, end = self.RANGES[name]
                wanted.setdefault(field, {})[end] = value
            elif name in self.DAYS:
                wanted.setdefault(self.DAYS[name], {}).update(_span(value, now_ms, calendar))
            elif isinstance(value, list):
                several[name] = list(dict.fromkeys(value))
            else:
                wanted[name] = value
        if prod(len(values) for values in several.values()) > _MOST_CALLS:
            raise ToolError("invalid_arguments", f"Give fewer values: at most {_MOST_CALLS} choices of them together.")
        args: dict[str, Any] = {"limit": self.limit}
        if self.text:
            args["text"] = self.text
        chosen = [dict(zip(several, values, strict=True)) | wanted for values in product(*several.values())]
        return [{**args, "filter": one} if one else args for one in chosen]

    def keeps(self, item: Mapping[str, Any]) -> bool:  # noqa: ARG002 - for subclasses
        """Whether an item that the device returned matches what the device cannot filter by."""
        return True


def _span(value: Any, now_ms: int, calendar: Calendar) -> dict[str, str]:
    """The days of `today`, `overdue` or `week`, which is the person's calendar week, of one date or of a span."""
    today = calendar.day_of(now_ms)
    match value:
        case "overdue":
            return {"before": today.isoformat()}
        case "week":
            first = calendar.week_of(today)
            return {"after": first.isoformat(), "before": (first + timedelta(days=7)).isoformat()}
        case "today":
            day = today
        case str() if "/" in value:
            first, last = (date.fromisoformat(one) for one in value.split("/"))
            return {"after": first.isoformat(), "before": (last + timedelta(days=1)).isoformat()}
        case _:
            when = calendar.read(value)
            day = today if when is None else calendar.day_of(when)
    return {"after": day.isoformat(), "before": (day + timedelta(days=1)).isoformat()}


class CreateArgs(ToolArgs):
    """The new item's fields."""

    # Fields that every item created by an agent has, whatever the model writes.
    FIXED: ClassVar[Mapping[str, Any]] = {}

    @model_validator(mode="before")
    @classmethod
    def _drop_nothing(cls, data: Any) -> Any:
        """Small models write `none` for a field that they do not use. Titles and texts are kept."""
        if not isinstance(data, Mapping):
            return data
        texts = ("title", "name", "content", "description", "text")
        return {name: value for name, value in data.items() if name in texts or not _is_nothing(value)}

    def device_data(self) -> dict[str, Any]:
        return {**self.model_dump(by_alias=True, exclude_none=True), **self.FIXED}


class UpdateArgs(ToolArgs):
    """The fields to change. Subclasses declare `clear`, the names of the fields that may be emptied."""

    def device_data(self) -> dict[str, Any]:
        """The changed fields; emptied ones are null. Raises `ToolError` if nothing would change."""
        data = self.model_dump(by_alias=True, exclude_none=True)
        del data["id"]
        cleared = data.pop("clear", [])
        if both := [name for name in cleared if name in data]:
            raise ToolError("invalid_arguments", f"clear: {both[0]} is also given a value")
        if not data and not cleared:
            raise ToolError(
                "invalid_arguments", "Give at least one field to change; to empty a field, name it in clear."
            )
        return data | dict.fromkeys(cleared)


# ---- task -----------------------------------------------------------------------------------------------------------


class TaskFields(ToolArgs):
    title: Title | None = None
    description: Body | None = None
    status: TaskStatus | None = None
    priority: TaskPriority | None = None
    assignee: Person | None = None
    due_date: DateArgument | None = None
    project_id: Identity | None = None


class ListTasks(ListArgs):
    """`due: overdue` leaves finished tasks out."""

    RANGES: ClassVar[Mapping[str, tuple[str, str]]] = {
        "dueBefore": ("dueDate", "before"),
        "dueAfter": ("dueDate", "after"),
    }
    DAYS: ClassVar[Mapping[str, str]] = {"due": "dueDate", "dueOn": "dueDate"}

    status: Annotated[list[TaskStatus], BeforeValidator(_open_too), *_AnyWordOf] | None = None
    priority: Annotated[list[TaskPriority], *_AnyWordOf] | None = None
    assignee: Annotated[list[Person], *_AnyOf] | None = None
    project_id: Annotated[list[Identity], *_AnyOf] | None = None
    due: Due | None = None
    due_on: DaysArgument | None = None
    due_before: DateArgument | None = None
    due_after: DateArgument | None = None

    def keeps(self, item: Mapping[str, Any]) -> bool:
        return self.due != "overdue" or item.get("status") != "done"


class CreateTask(TaskFields, CreateArgs):
    title: Title


class UpdateTask(TaskFields, UpdateArgs):
    id: Identity
    clear: list[Literal["description", "priority", "assignee", "dueDate", "projectId"]] | None = None


# ---- project --------------------------------------------------------------------------------------------------------


class ProjectFields(ToolArgs):
    name: Title | None = None
    description: Body | None = None
    client_id: Identity | None = None
    status: ProjectStatus | None = None


class ListProjects(ListArgs):
    status: Annotated[list[ProjectStatus], *_AnyWordOf] | None = None
    client_id: Annotated[list[Identity], *_AnyOf] | None = None


class CreateProject(ProjectFields, CreateArgs):
    name: Title


class UpdateProject(ProjectFields, UpdateArgs):
    id: Identity
    clear: list[Literal["description", "clientId"]] | None = None


# ---- note -----------------------------------------------------------------------------------------------------------


class NoteFields(ToolArgs):
    title: Title | None = None
    content: Body | None = None
    project_id: Identity | None = None


class ListNotes(ListArgs):
    RANGES: ClassVar[Mapping[str, tuple[str, str]]] = {
        "createdBefore": ("createdAt", "before"),
        "createdAfter": ("createdAt", "after"),
    }
    DAYS: ClassVar[Mapping[str, str]] = {"createdOn": "createdAt"}

    project_id: Annotated[list[Identity], *_AnyOf] | None = None
    created_on: DaysArgument | None = None
    created_before: DateArgument | None = None
    created_after: DateArgument | None = None


class CreateNote(NoteFields, CreateArgs):
    title: Title


class UpdateNote(NoteFields, UpdateArgs):
    id: Identity
    clear: list[Literal["content", "projectId"]] | None = None


# ---- checkpoint -----------------------------------------------------------------------------------------------------


class CheckpointFields(ToolArgs):
    title: Title | None = None
    date: DateArgument | None = None
    project_id: Identity | None = None
    is_approved: bool | None = None


class ListCheckpoints(ListArgs):
    RANGES: ClassVar[Mapping[str, tuple[str, str]]] = {"dateBefore": ("date", "before"), "dateAfter": ("date", "after")}
    DAYS: ClassVar[Mapping[str, str]] = {"due": "date", "dateOn": "date"}

    project_id: Annotated[list[Identity], *_AnyOf] | None = None
    is_approved: bool | None = None
    due: Annotated[Literal["today", "week"], BeforeValidator(due_word)] | None = None
    date_on: DaysArgument | None = None
    date_before: DateArgument | None = None
    date_after: DateArgument | None = None


class CreateCheckpoint(CreateArgs):
    # A checkpoint that an agent creates is a suggestion until the person approves it.
    FIXED: ClassVar[Mapping[str, Any]] = {"isAiSuggested": True, "isApproved": False}

    title: Title
    date: DateArgument
    project_id: Identity | None = None


class UpdateCheckpoint(CheckpointFields, UpdateArgs):
    id: Identity
    clear: list[Literal["projectId"]] | None = None
