"""The table of steps: the agents' tools with short arguments for small models, and the steps that only answer.

An argument names an item by its entity (`task`, `project`), by title or id. The tools themselves check the arguments.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal, cast

from agents.binding import FIELDS
from agents.dates import due_word
from agents.steps.reply import Step
from agents.steps.views import CHART_KINDS
from streaming.chat import ToolCall
from streaming.wire import Entity

StepChoice = Literal["first", "later"]
"""Whether a step is the first one of the request, or follows results of tools."""

SAY: Final = "say"
ANSWER: Final = "answer"

_STATUS: Final = ("todo", "in_progress", "done")
_PROJECT_STATUS: Final = ("active", "on_hold", "completed")
_PRIORITY: Final = ("low", "medium", "high")
_ENTITIES: Final = ("task", "project", "note", "checkpoint")


@dataclass(frozen=True, slots=True)
class _Arg:
    """An argument of a step. `to` is the tool's own argument. `values`: the only ones. `several`: a list."""

    name: str
    to: str = ""
    required: bool = False
    values: Sequence[str] = ()
    several: bool = False
    hint: str = ""

    @property
    def signature(self) -> str:
        mark = ("[]" if self.several else "") + ("" if self.required else "?")
        hint = self.hint or "|".join(self.values)
        return f"{self.name}{mark}: {hint}" if hint else f"{self.name}{mark}"

    def schema(self) -> Mapping[str, Any]:
        one: Mapping[str, Any] = {"type": "string", "enum": list(self.values)} if self.values else {"type": "string"}
        return {"type": "array", "items": one} if self.several else one


@dataclass(frozen=True, slots=True)
class _Row:
    """A step. `tool`: the agents' tool that it calls, if it calls one. `entity`: the items that it is about."""

    name: str
    tool: str | None
    entity: Entity | None
    args: tuple[_Arg, ...]
    note: str = ""


def _must(name: str, to: str = "", **fields: Any) -> _Arg:
    return _Arg(name, to or name, required=True, **fields)


def _may(name: str, to: str = "", **fields: Any) -> _Arg:
    return _Arg(name, to or name, **fields)


def _item(entity: Entity) -> _Arg:
    return _must(entity, "id")


_PROJECT: Final = _may("project", "projectId")
_TASK_FIELDS: Final = (
    _may("status", values=_STATUS),
    _may("priority", values=_PRIORITY),
    _may("assignee"),
)
_OF: Final = _must("of", values=_ENTITIES)
_FIELD_NAMES: Final = tuple(dict.fromkeys(name for fields in FIELDS.values() for name in fields if name != "id"))

_TOOLS: Final = (
    _Row(
        "list_tasks",
        "list_tasks",
        "task",
        (
            _may("text"),
            _may("status", values=("open", *_STATUS)),
            *_TASK_FIELDS[1:],
            _PROJECT,
            _may("due", hint="today|overdue|week|DATE"),
        ),
    ),
    _Row(
        "create_task",
        "create_task",
        "task",
        (
            _must("title"),
            _may("due", "dueDate"),
            _may("priority", values=_PRIORITY),
            _may("assignee"),
            _PROJECT,
        ),
    ),
    _Row(
        "update_task",
        "update_task",
        "task",
        (_item("task"), _may("title"), *_TASK_FIELDS, _may("due", "dueDate"), _PROJECT),
    ),
    _Row("complete_task", "complete_task", "task", (_item("task"),)),
    _Row("reopen_task", "reopen_task", "task", (_item("task"),)),
    _Row("delete_task", "delete_task", "task", (_item("task"),)),
    _Row("move_task", "move_task", "task", (_item("task"), _must("project", "projectId"))),
    _Row("list_projects", "list_projects", "project", (_may("text"), _may("status", values=_PROJECT_STATUS))),
    _Row("project_progress", "project_progress", "project", (_may("project", "id"),)),
    _Row("create_project", "create_project", "project", (_must("name"),)),
    _Row(
        "update_project",
        "update_project",
        "project",
        (_item("project"), _may("name"), _may("status", values=_PROJECT_STATUS)),
    ),
    _Row("delete_project", "delete_project", "project", (_item("project"),)),
    _Row("list_notes", "list_notes", "note", (_may("text"),)),
    _Row("get_note", "get_note", "note", (_item("note"),)),
    _Row("create_note", "create_note", "note", (_must("title"), _must("text", "content"))),
    _Row("append_note", "append_to_note", "note", (_item("note"), _must("text"))),
    _Row("delete_note", "delete_note", "note", (_item("note"),)),
    _Row("list_checkpoints", "list_checkpoints", "checkpoint", (_PROJECT, _may("due", hint="today|week|DATE"))),
    _Row("create_checkpoint", "create_checkpoint", "checkpoint", (_must("title"), _must("date"), _PROJECT)),
    _Row("move_checkpoint", "reschedule_checkpoint", "checkpoint", (_item("checkpoint"), _must("date"))),
    _Row("approve_checkpoint", "approve_checkpoint", "checkpoint", (_item("checkpoint"),)),
    _Row("delete_checkpoint", "delete_checkpoint", "checkpoint", (_item("checkpoint"),)),
)
_VIEWS: Final = (
    _Row(
        "show_chart",
        None,
        None,
        (
            _must("type", values=CHART_KINDS),
            _OF,
            _must("by", values=_FIELD_NAMES, hint="FIELD"),
            _must("title"),
            _PROJECT,
        ),
        "items counted by a field",
    ),
    _Row(
        "show_table",
        None,
        None,
        (
            _OF,
            _may("columns", values=_FIELD_NAMES, several=True, hint="FIELD"),
            _may("sort", values=_FIELD_NAMES, hint="FIELD"),
            _PROJECT,
        ),
    ),
    _Row("show_timeline", None, None, (_must("of", values=("checkpoint", "task")), _PROJECT)),
)
_SAYS: Final = _Row(SAY, None, None, (_must("text"),), "an answer or a question in words, when no tool is needed")
_ANSWERS: Final = _Row(ANSWER, None, None, (), "after a result, when nothing else is to be done")
_ROWS: Final[Mapping[str, _Row]] = {row.name: row for row in (*_TOOLS, *_VIEWS, _SAYS, _ANSWERS)}


def _rows(mode: Literal["home", "popup"], choice: StepChoice | None = None) -> Iterator[_Row]:
    """The steps of a mode. A popup is text: it shows no views, and its answer after a result is said."""
    yield from _TOOLS
    if mode == "popup":
        yield _SAYS
        return
    yield from _VIEWS
    if choice != "later":
        yield _SAYS
    if choice != "first":
        yield _ANSWERS


def step_signatures(mode: Literal["home", "popup"]) -> str:
    """The steps as lines for the prompt. `?` marks what may be left out. One line per entity saves tokens."""
    lines: list[str] = []
    last: Entity | None = None
    for row in _rows(mode):
        text = f"{row.name}({', '.join(arg.signature for arg in row.args)})" + (f" {row.note}" if row.note else "")
        if row.entity is not None and row.entity == last:
            lines[-1] += f" {text}"
        else:
            lines.append(text)
        last = row.entity
    return "\n".join(lines)


@cache
def step_schema(mode: Literal["home", "popup"], choice: StepChoice) -> Mapping[str, Any]:
    """The JSON Schema of one step. It is not part of the prompt, so the prefix stays the same for every choice."""
    return {"anyOf": [_schema(row) for row in _rows(mode, choice)]}


def _schema(row: _Row) -> Mapping[str, Any]:
    args: dict[str, Any] = {
        "type": "object",
        "properties": {arg.name: arg.schema() for arg in row.args},
        "required": [arg.name for arg in row.args if arg.required],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {"tool": {"const": row.name, "type": "string"}, "args": args},
        "required": ["tool", "args"],
        "additionalProperties": False,
    }


def call_of(step: Step, call_id: str) -> ToolCall | None:
    """The call of the agents' tool that `step` means, with the id `call_id`; None if it calls none.

    An argument that the step does not have is kept, so that the tool answers with an error that names it.
    """
    row = _ROWS.get(step.tool)
    if row is None or row.tool is None:
        return None
    names = {arg.name: arg.to for arg in row.args}
    args = {names.get(name, name): value for name, value in step.args.items()}
    tool = row.tool
    if tool in ("list_tasks", "list_checkpoints") and isinstance(due := args.pop("due", None), str) and due:
        word = due_word(due)
        if word in ("today", "overdue", "week") and (tool == "list_tasks" or word != "overdue"):
            args["due"] = word
        else:
            args["dueOn" if tool == "list_tasks" else "dateOn"] = due
    if tool == "list_notes" and args.get("text"):
        tool = "search_notes"  # finds each word, not only the whole phrase
    return ToolCall(call_id, tool, json.dumps(args, ensure_ascii=False))


def entity_of_step(step: Step) -> Entity | None:
    """The items that the step is about; None for steps that only answer."""
    row = _ROWS.get(step.tool)
    if row is None or row.entity is not None:
        return None if row is None else row.entity
    of = step.args.get("of")
    return cast("Entity", of) if of in _ENTITIES else None
