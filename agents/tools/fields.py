"""The arguments of the five verbs over the four entities: which fields a model may set, clear and filter by.

The status and priority values are those that a model may write. A device may return other values, which are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from agents.dates import DateArgument
from agents.tools.error import ToolError
from agents.tools.tool import ToolArgs

_Stripped = StringConstraints(strip_whitespace=True)


def _several(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Identity = Annotated[str, _Stripped, Field(min_length=1, max_length=200, description="The id, as a tool returned it.")]
Title = Annotated[str, _Stripped, Field(min_length=1, max_length=500)]
Person = Annotated[str, _Stripped, Field(min_length=1, max_length=200)]
Body = Annotated[str, Field(max_length=100_000)]
TaskStatus = Literal["todo", "in_progress", "done"]
TaskPriority = Literal["low", "medium", "high"]
ProjectStatus = Literal["active", "on_hold", "completed"]
# A single value is accepted too.
_AnyOf = (
    BeforeValidator(_several),
    Field(min_length=1, max_length=3, description="One value or several; one of them must match."),
)


class ById(ToolArgs):
    """Names one item."""

    id: Identity


class ListArgs(ToolArgs):
    """Filters; an item must match all that are given."""

    # Argument -> (field of the item, end of the range). Every other argument of a subclass is the value of a field.
    RANGES: ClassVar[Mapping[str, tuple[str, str]]] = {}

    text: Annotated[str | None, _Stripped, Field(max_length=500, description="Words to find in the item's text.")] = (
        None
    )
    limit: Annotated[int, Field(ge=1, le=500)] = 200

    def device_args(self) -> list[dict[str, Any]]:
        """The `args` of the device's list calls: one call per status, because the device filters by one value."""
        given = self.model_dump(by_alias=True, exclude_none=True, exclude={"text", "limit"})
        statuses = given.pop("status", None)
        wanted: dict[str, Any] = {}
        for name, value in given.items():
            if name in self.RANGES:
                field, end = self.RANGES[name]
                wanted.setdefault(field, {})[end] = value
            else:
                wanted[name] = value
        args: dict[str, Any] = {"limit": self.limit}
        if self.text:
            args["text"] = self.text
        if statuses is not None:
            return [{**args, "filter": {"status": status, **wanted}} for status in dict.fromkeys(statuses)]
        return [{**args, "filter": wanted} if wanted else args]


class CreateArgs(ToolArgs):
    """The new item's fields."""

    # Fields that every item created by an agent has, whatever the model writes.
    FIXED: ClassVar[Mapping[str, Any]] = {}

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
    RANGES: ClassVar[Mapping[str, tuple[str, str]]] = {
        "dueBefore": ("dueDate", "before"),
        "dueAfter": ("dueDate", "after"),
    }

    status: Annotated[list[TaskStatus], *_AnyOf] | None = None
    priority: TaskPriority | None = None
    assignee: Person | None = None
    project_id: Identity | None = None
    due_before: DateArgument | None = None
    due_after: DateArgument | None = None


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
    status: Annotated[list[ProjectStatus], *_AnyOf] | None = None
    client_id: Identity | None = None


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

    project_id: Identity | None = None
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

    project_id: Identity | None = None
    is_approved: bool | None = None
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
