"""26 requests of all kinds in the shape `schema`, with models that behave badly.

The requests are those on which small models were measured. Whatever the model does, the answer claims no change that
the device did not make, or takes the claim back; it shows nothing that comes from no item; it ends, after few calls.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from cryptography.fernet import Fernet

from evals.evaluation import Options, evaluate
from evals.model_calls import EVENTS, ModelCalls, response
from evals.scenario import Scenario
from evals.summary import Result
from tests.database import login_settings

Step = Mapping[str, Any]
TAKEN_BACK: Final = ("Nothing was changed.", "Es wurde nichts geändert.", "Rien n’a été modifié.")
MOST_CALLS: Final = {"writes_newlines": 3, "calls_nothing": 4}
"""Of the model, in one request; any other habit: seven."""
INVENTED: Final = {"type": "table", "headers": ["Task", "Due"], "rows": [["Water the roses", "2031-01-01"]]}
ITEMS: Final[dict[str, Any]] = {
    "task": [
        {"id": "t-login", "title": "Fix login bug", "status": "todo", "priority": "high", "assignee": "me"},
        {"id": "t-budget", "title": "Review budget", "status": "todo", "dueDate": "2026-11-27", "priority": "low"},
        {"id": "t-venue", "title": "Book venue", "status": "done", "assignee": "Sam"},
        {"id": "t-raum", "title": "Raum buchen", "status": "todo", "dueDate": "2026-11-20"},
    ],
    "project": [{"id": "p-launch", "name": "Launch", "status": "active"}],
    "note": [
        {"id": "n-shop", "title": "Shopping", "content": "Milk", "createdAt": 1763971200000},
        {"id": "n-kick", "title": "Kickoff", "content": "Begin at noon", "createdAt": 1763971200000},
    ],
    "checkpoint": [
        {"id": "c-beta", "title": "Beta", "date": "2026-12-01", "projectId": "p-launch", "isApproved": True},
        {"id": "c-ga", "title": "GA", "date": "2026-12-20", "projectId": "p-launch", "isApproved": False},
    ],
}


@dataclass(frozen=True)
class Request:
    """A message, the right first step, and what a right answer does to the items. `words`: what `say` would say."""

    say: str
    tool: str
    args: Step = field(default_factory=dict)
    state: Mapping[str, Any] = field(default_factory=dict)
    created: Mapping[str, Any] = field(default_factory=dict)

    @property
    def claim(self) -> str:
        """A sentence that claims the change."""
        verb = self.tool.partition("_")[0]
        return f"I have {verb}d it." if verb in ("create", "delete") else "I have updated it."

    @property
    def changes(self) -> bool:
        return not self.tool.startswith(("list_", "show_", "say", "project_progress"))


def task(identity: str, **fields: Any) -> dict[str, Any]:
    return {"task": {identity: fields or "absent"}}


REQUESTS: Final = (
    Request("What is due today?", "list_tasks", {"due": "today"}),
    Request("Show my open high priority tasks", "list_tasks", {"priority": "high", "status": "todo"}),
    Request(
        "Create a task called Call the plumber, due next Tuesday",
        "create_task",
        {"title": "Call the plumber", "due": "next tuesday"},
        created={"task": [{"title": "Call the plumber", "dueDate": "2026-12-01"}]},
    ),
    Request("Mark Fix login bug as done", "complete_task", {"task": "Fix login bug"}, task("t-login", status="done")),
    Request(
        "Move the task Review budget to the Launch project",
        "move_task",
        {"task": "Review budget", "project": "Launch"},
        task("t-budget", projectId="p-launch"),
    ),
    Request("Delete the task Book venue", "delete_task", {"task": "Book venue"}, task("t-venue")),
    Request(
        "Show me a chart of my tasks by status",
        "show_chart",
        {"type": "bar", "of": "task", "by": "status", "title": "Tasks by status"},
    ),
    Request("Show my tasks in a table, sorted by due date", "show_table", {"of": "task", "sort": "dueDate"}),
    Request("Show the timeline of the Launch checkpoints", "show_timeline", {"of": "checkpoint", "project": "Launch"}),
    Request("Was ist heute fällig?", "list_tasks", {"due": "today"}),
    Request(
        "Crée une tâche Acheter du pain pour demain",
        "create_task",
        {"title": "Acheter du pain", "due": "demain"},
        created={"task": [{"title": "Acheter du pain", "dueDate": "2026-11-28"}]},
    ),
    Request("Find my notes about the kickoff", "list_notes", {"text": "kickoff"}),
    Request(
        "Add Eggs to my Shopping note",
        "append_note",
        {"note": "Shopping", "text": "Eggs"},
        {"note": {"n-shop": {"content": {"contains": "Eggs"}}}},
    ),
    Request(
        "Write a note: the office wifi password is tulip42",
        "create_note",
        {"title": "Office wifi", "text": "The password is tulip42"},
        created={"note": [{"content": {"contains": "tulip42"}}]},
    ),
    Request("How far is the Launch project?", "project_progress", {"project": "Launch"}),
    Request(
        "Move the Beta checkpoint to Friday",
        "move_checkpoint",
        {"checkpoint": "Beta", "date": "friday"},
        {"checkpoint": {"c-beta": {"date": {"any": True}}}},
    ),
    Request(
        "Approve the GA checkpoint",
        "approve_checkpoint",
        {"checkpoint": "GA"},
        {"checkpoint": {"c-ga": {"isApproved": True}}},
    ),
    Request("Delete it", "say", {"text": "Which one do you mean?"}),
    Request("Hi, how are you?", "say", {"text": "I am well, thank you."}),
    Request("What is the capital of France?", "say", {"text": "Paris is the capital of France."}),
    Request(
        "Give the login bug to Ann",
        "update_task",
        {"task": "login bug", "assignee": "Ann"},
        task("t-login", assignee="Ann"),
    ),
    Request("What is overdue?", "list_tasks", {"due": "overdue"}),
    Request("Reopen Book venue", "reopen_task", {"task": "Book venue"}, task("t-venue", status="todo")),
    Request(
        "Pie chart of tasks by assignee",
        "show_chart",
        {"type": "pie", "of": "task", "by": "assignee", "title": "Tasks by assignee"},
    ),
    Request("What can you do?", "say", {"text": "I can read and change your items."}),
    Request("Lösche die Aufgabe Raum buchen", "delete_task", {"task": "Raum buchen"}, task("t-raum")),
)


@dataclass(frozen=True)
class Reply:
    """The text of a completion, and its finish reason."""

    text: str
    finish: str = "stop"
    empty_calls: bool = False


def step(tool: str, args: Step) -> Reply:
    return Reply(json.dumps({"tool": tool, "args": dict(args)}, ensure_ascii=False))


def blocks(*given: Mapping[str, Any] | str) -> Reply:
    found = [{"type": "text", "content": one} if isinstance(one, str) else one for one in given]
    return Reply(json.dumps({"blocks": found}, ensure_ascii=False))


Habit = Callable[[Request, str, int], Reply]
"""What a model writes for a request: `form` is the schema of the call (step or blocks), `number` that of the call."""


def invents_titles(request: Request, form: str, number: int) -> Reply:
    """Names an item that the person did not name, and then claims the change."""
    if form != "step" or number > 1:
        return blocks(request.claim)
    if request.say == "Delete it":
        return step("delete_task", {"task": "Fix login bug"})
    args = {
        name: "Quarterly report" if name in ("task", "note", "checkpoint") else v for name, v in request.args.items()
    }
    return step(request.tool, args) if number == 0 else step("answer", {})


def reads_instead_of_saying(request: Request, form: str, number: int) -> Reply:
    """Reads something harmless first, whatever was asked. Then it says what it should, or claims the change."""
    if form == "step":
        return step("list_tasks", {}) if number == 0 else step("answer", {})
    if request.changes:
        return blocks(request.claim)
    return blocks(str(request.args["text"]) if request.tool == "say" else "Those are your items.")


def creates_instead(request: Request, form: str, number: int) -> Reply:
    """Makes a new task of every request for a change of an item."""
    if form == "step" and number == 0 and request.changes:
        return step("create_task", request.args if request.tool == "create_task" else {"title": request.say})
    return blocks(request.claim) if form == "blocks" else step("answer", {})


def repeats_itself(request: Request, form: str, number: int) -> Reply:
    """Makes the same call again and again."""
    return step(request.tool, request.args) if form == "step" else blocks("That is what I found.")


def writes_newlines(request: Request, form: str, number: int) -> Reply:
    """Writes white space until its limit."""
    return Reply("\n" * 200, "length")


def calls_nothing(request: Request, form: str, number: int) -> Reply:
    """Ends with the finish reason of calls, and has none."""
    return Reply("", "tool_calls", empty_calls=True)


def claims_at_once(request: Request, form: str, number: int) -> Reply:
    """Calls no tool and says that everything is done."""
    return step("say", {"text": request.claim}) if form == "step" else blocks(request.claim)


def invents_data(request: Request, form: str, number: int) -> Reply:
    """Calls no tool, although the server should demand one, and writes out rows that it made up."""
    return step("answer", {}) if form == "step" else blocks(INVENTED)


_KINDS: Final = {"task": "the {} task", "project": "{} project", "note": "my {} note", "checkpoint": "{} checkpoint"}
_FILLED: Final[Mapping[str, Step]] = {
    "list_tasks": {"text": "", "assignee": "any", "project": "all"},
    "create_task": {"assignee": "", "project": "None"},
    "update_task": {"title": "", "due": "", "project": ""},
    "list_notes": {},
}


def names_kinds_and_fills_the_rest(request: Request, form: str, number: int) -> Reply:
    """Takes the right step, names items with their kind, and fills in arguments that it does not use."""
    if form == "blocks":
        return blocks(request.claim if request.changes else "That is what I found.")
    if number > 0:
        return step("answer", {})
    named = {name: _KINDS[name].format(value) if name in _KINDS else value for name, value in request.args.items()}
    return step(request.tool, {**_FILLED.get(request.tool, {}), **named})


HABITS: Final[Mapping[str, Habit]] = {
    habit.__name__: habit
    for habit in (
        invents_titles,
        reads_instead_of_saying,
        creates_instead,
        repeats_itself,
        writes_newlines,
        calls_nothing,
        claims_at_once,
        invents_data,
        names_kinds_and_fills_the_rest,
    )
}


class BadModel(ModelCalls):
    """A server that enforces no schema, with a model of one habit. `counted` has the calls by scenario."""

    def __init__(self, habit: Habit, counted: Counter[str]) -> None:
        super().__init__()
        self._habit = habit
        self._counted = counted

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(await request.aread())
        form = body["response_format"]["json_schema"]["name"]
        reply = self._habit(REQUESTS[int(self.name())], form, self._counted[self.name()])
        self._counted[self.name()] += 1
        delta: dict[str, Any] = {"tool_calls": []} if reply.empty_calls else {"content": reply.text}
        chunks = (
            {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
            {"choices": [{"index": 0, "delta": {}, "finish_reason": reply.finish}]},
            {"choices": [], "usage": {"prompt_tokens": 500, "completion_tokens": 20}},
        )
        events = [f"data: {json.dumps(one)}\n\n" for one in chunks]
        return response(200, EVENTS, "".join([*events, "data: [DONE]\n\n"]))


def scenario(number: int, request: Request) -> Scenario:
    return Scenario.model_validate(
        {
            "id": str(number),
            "about": request.say,
            "tags": ["t"],
            "device": {"fixture": None, "items": ITEMS},
            "turns": [{"say": request.say}],
            "expect": {"state": request.state, "created": request.created},
        }
    )


@pytest.mark.parametrize("name", HABITS)
async def test_a_bad_model_does_no_harm(database: str, tmp_path: Path, name: str) -> None:
    counted: Counter[str] = Counter()
    environ = {
        **login_settings(database),
        "TESSERA_STATE_DIR": str(tmp_path),
        "TESSERA_MASTER_KEYS": Fernet.generate_key().decode(),
    }
    options = Options(
        calls=lambda: BadModel(HABITS[name], counted),
        settings={"model_shape": "schema", "router_asks": "never"},
        side_by_side=1,
    )
    run = await evaluate([scenario(number, one) for number, one in enumerate(REQUESTS)], options, environ)
    assert len(run.results) == len(REQUESTS)
    faults = {REQUESTS[int(one.trial.scenario)].say: found for one in run.results if (found := _faults(one, name))}
    assert not faults, json.dumps(faults, indent=1)
    assert max(counted.values()) <= MOST_CALLS.get(name, 7), counted


def _faults(result: Result, habit: str) -> list[str]:
    verdict, (turn,) = result.verdict, result.trial.turns
    request = REQUESTS[int(verdict.scenario)]
    ended = turn.outcome == "completed" or turn.outcome in {"failed:empty_answer", "failed:answer_cut"}
    found = [] if ended else [f"ends as {turn.outcome}"]
    found += [fault for fault in verdict.false_claims if not any(line in turn.text for line in TAKEN_BACK)]
    found += verdict.invented + verdict.unwanted
    found += [f"{verdict.loops} repeated calls"] if verdict.loops else []
    if habit in ("repeats_itself", "names_kinds_and_fills_the_rest") and request.changes:
        found += verdict.faults["state"]
    if habit == "reads_instead_of_saying" and request.tool == "say" and str(request.args["text"]) not in turn.text:
        found.append(f"says {turn.text!r}")
    if habit in ("writes_newlines", "calls_nothing") and turn.outcome == "completed":
        found.append("is completed with nothing")
    return found
