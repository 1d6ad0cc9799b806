"""The habits of a small model, over the socket: no answer is `completed` with nothing shown or with a false claim."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from client.terminal.store import DeviceStore
from client.terminal.tools import DeviceTools
from streaming.wire import WsScope, WsStreamBlock, WsStreamText
from tests.agents.cases import CASES
from tests.model_server import ReceivedRequest, Step, end, text_stream
from tests.server.tessera import Tessera, is_routing, open_tessera, tool_messages

TASKS = [{"id": "t1", "title": "Walk", "status": "todo"}, {"id": "t2", "title": "Read", "status": "done"}]
LINE = "Nothing was changed."


def text(content: str) -> str:
    return json.dumps([{"type": "text", "content": content}])


@dataclass(frozen=True)
class Habit:
    """What the model writes, round by round, the last reply again and again; what the router says; the request."""

    replies: tuple[str, ...]
    need: str = "none"
    message: str = "my tasks"
    finish: str = "stop"
    called: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    claims: bool = False
    shown: str | None = None
    code: str | None = None
    """The error code with which the request has to fail."""


READ = text("You have two tasks.")
COMPLETE = '{"name": "complete_task", "parameters": {"id": "t1"}}'
DELETE = '<tool_call>{"name": "delete_task", "arguments": {"id": "t1"}}</tool_call>'

HABITS = {
    "call of the issue": Habit(
        ((CASES / "04a_tool_call_as_text.txt").read_text("utf-8"), READ),
        called=("list_tasks",),
        shown="You have two tasks.",
    ),
    "llama call": Habit(('{"name": "list_tasks", "parameters": {}}', READ), called=("list_tasks",)),
    "function block": Habit(('{"type":"function","name":"list_tasks","parameters":{}}', READ), called=("list_tasks",)),
    "function block in an answer": Habit(
        ('[{"type":"text","content":"Let me look."},{"type":"function","name":"list_tasks","parameters":{}}]', READ),
        called=("list_tasks",),
    ),
    "hermes call": Habit(
        ('<tool_call>\n{"name":"list_tasks","arguments":{}}\n</tool_call>', READ), called=("list_tasks",)
    ),
    "mistral call": Habit(('[TOOL_CALLS] [{"name":"list_tasks","arguments":{}}]', READ), called=("list_tasks",)),
    "fenced call": Habit(('```json\n{"name":"list_tasks","parameters":{}}\n```', READ), called=("list_tasks",)),
    "call with invented results": Habit(
        ('{"name":"list_tasks","parameters":{}}\nYou have ninety tasks.', READ), called=("list_tasks",)
    ),
    "written change": Habit((COMPLETE, text("Done.")), need="change", called=("update_task",)),
    "written change that the person refuses": Habit(
        (DELETE, text("I deleted it.")), need="change", called=("delete_task",)
    ),
    "change that the router did not expect and the person refuses": Habit(
        (DELETE, text("I deleted it.")), called=("delete_task",)
    ),
    "change that the router did not expect, of an unknown id": Habit(
        ('{"name":"complete_task","parameters":{"id":"t9"}}', text("Done.")),
        need="read",
        refused=("update_task",),
    ),
    "written call again and again": Habit(('{"name":"list_tasks","parameters":{}}',)),
    "function block without a name": Habit(('{"type":"function"}',)),
    "call of an unknown tool": Habit(('{"name":"launch","parameters":{}}',)),
    "claim": Habit((text("Done! I completed it."),), need="change"),
    "claim with a polite question": Habit((text("I've added it. Anything else?"),), need="change"),
    "claim after an unknown id": Habit(
        ('{"name":"complete_task","parameters":{"id":"t9"}}', text("Done.")), need="change", called=("update_task",)
    ),
    "claim that the router did not expect": Habit((text("Done."),), need="", message="delete the walk"),
    "claim in answer to a request that needs nothing": Habit((text("I have deleted the task."),), claims=True),
    "claim in answer to a request to read": Habit(
        ('{"name":"list_tasks","parameters":{}}', text("I have deleted the task.")), need="read", claims=True
    ),
    "passive claim": Habit((text("The task has been deleted."),), claims=True),
    "a chart is no change": Habit(
        (text("I've created a list for you: Walk, Read."),), shown="I've created a list for you: Walk, Read."
    ),
    "deepseek call": Habit(
        (
            "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>list_tasks\n```json\n{}\n```<｜tool▁call▁end｜>",
            READ,
        ),
        called=("list_tasks",),
        shown="You have two tasks.",
    ),
    "llama function tag": Habit(("<function=list_tasks>{}</function>", READ), called=("list_tasks",)),
    "qwen call": Habit(
        (
            "<tool_call>\n<function=complete_task>\n<parameter=id>\nt1\n</parameter>\n</function>\n</tool_call>",
            text("Ok."),
        ),
        need="change",
        called=("update_task",),
    ),
    "python call": Habit(("list_tasks()", READ), called=("list_tasks",), shown="You have two tasks."),
    "python change": Habit(('complete_task(id="t1")', text("Ok.")), need="change", called=("update_task",)),
    "tool code": Habit(("```tool_code\nprint(list_tasks())\n```", READ), called=("list_tasks",)),
    "action": Habit(('{"action": "list_tasks", "action_input": {}}', READ), called=("list_tasks",)),
    "letter case": Habit(('{"name": "List_Tasks", "parameters": {}}', READ), called=("list_tasks",)),
    "call in a text block": Habit((text("list_tasks()"), READ), called=("list_tasks",), shown="You have two tasks."),
    "call as JSON in a text block": Habit(
        (text('{"name": "list_tasks", "parameters": {}}'), READ), called=("list_tasks",), shown="You have two tasks."
    ),
    "llama call in python": Habit(("<|python_tag|>list_tasks.call()", READ), called=("list_tasks",)),
    "call whose name is the key": Habit(
        ('{"complete_task": {"id": "t1"}}', text("Ok.")), need="change", called=("update_task",)
    ),
    "call under a key": Habit(('{"tool": {"name": "list_tasks", "args": {}}}', READ), called=("list_tasks",)),
    "reasoning in a doubtful tag": Habit(
        ("<scratchpad>I list_tasks.</scratchpad>\n" + READ,), shown="You have two tasks."
    ),
    "an answer in a doubtful tag": Habit(("<analysis>You have two tasks.</analysis>",), shown="You have two tasks."),
    "reasoning in a doubtful tag, then a call": Habit(
        ("<analysis>I look.</analysis>\nlist_tasks()", READ), called=("list_tasks",), shown="You have two tasks."
    ),
    "claim in a card": Habit(('{"type":"card","title":"Done","body":"The walk was completed."}',), need="change"),
    "answer with sources": Habit(('{"answer":"You have two tasks.","sources":[]}',), shown="You have two tasks."),
    "nothing": Habit(("",), code="empty_answer"),
    "null": Habit(("null",), code="empty_answer"),
    "an empty timeline": Habit(('[{"type":"timeline","checkpoints":[]}]',), code="empty_answer"),
    "an empty fence": Habit(("```json\n```",), code="empty_answer"),
    "white space": Habit(("\n\n",), code="empty_answer"),
    "an empty array": Habit(("[]",), code="empty_answer"),
    "empty text": Habit((text(""),), code="empty_answer"),
    "an unfinished chart": Habit(('[{"type":"chart","chartType":"bar",',), code="empty_answer"),
    "a cut answer": Habit(('[{"type":"text","content":"You have',), finish="length", code="answer_cut"),
    "a cut call": Habit(
        ('{"name":"create_task","parameters":{"title":"Wa',), need="change", finish="length", code="empty_answer"
    ),
    "a filtered answer": Habit(("",), finish="content_filter", code="empty_answer"),
    "a filtered text": Habit((text("You have"),), finish="content_filter", code="answer_cut"),
    "a refused chart": Habit(('[{"type":"chart","chartType":"sankey"}]',), code="empty_answer"),
}


def script(tessera: Tessera, habit: Habit) -> None:
    replies = list(habit.replies)

    def reply(request: ReceivedRequest) -> list[Step]:
        if is_routing(request):
            return text_stream(json.dumps({"agent": "task_agent"} | ({"need": habit.need} if habit.need else {})))
        written = replies.pop(0) if len(replies) > 1 else replies[0]
        return text_stream(written, finish=habit.finish) if written else end(habit.finish)

    tessera.model.fallback = reply


@pytest.mark.parametrize("name", HABITS)
async def test_no_answer_is_completed_with_nothing_shown_or_a_false_claim(database: str, name: str) -> None:
    async with open_tessera(database, max_tool_rounds=3) as tessera:
        await answered(tessera, HABITS[name], "home")
        await answered(tessera, HABITS[name], "popup")


async def answered(tessera: Tessera, habit: Habit, mode: Literal["home", "popup"]) -> None:
    """Ask as a new person, and check the answer."""

    async def refuse(*_: Any) -> bool:
        return False

    store = DeviceStore(None, {"task": TASKS})
    called: list[str] = []

    def noted(tool: str, run: Any) -> Any:
        async def call(args: Any) -> Any:
            called.append(tool)
            return await run(args)

        return call

    tools = {tool: noted(tool, run) for tool, run in DeviceTools(store).table().items()}
    script(tessera, habit)
    # No router is asked for a popup: the words of the message say that it wants a change.
    message = "complete the walk" if habit.need == "change" and mode == "popup" else habit.message
    async with tessera.device(tools=tools, on_approval=refuse) as device:
        if mode == "home":
            answer = await device.home(message)
        else:
            answer = await device.popup(message, WsScope(type="task"))
        ended = await answer.finish()

    parts = {frame.block for frame in answer.frames if isinstance(frame, WsStreamText | WsStreamBlock)}
    if habit.code is not None:
        assert ended.error is not None
        assert (ended.status, ended.error.code) == ("failed", habit.code)
    if ended.status == "completed":
        assert parts or ended.mutations
        assert ended.shown == len(parts)
        asked_for = habit.need == "change" or habit.message.startswith("delete") or habit.claims
        if not ended.mutations and (asked_for or {"delete_task", "update_task"} & {*habit.called, *habit.refused}):
            assert answer.text.endswith(LINE)
    else:
        assert ended.status == "failed"
        assert ended.error is not None
    changed = [task for task in store.list("task")[0] if task not in TASKS]
    assert bool(ended.mutations) == bool(changed)
    assert "list_tasks" not in answer.text
    assert "complete_task" not in answer.text
    assert "▁" not in answer.text
    assert "ninety" not in answer.text
    assert not {*habit.refused} & {*called}
    for tool in habit.called:
        if tool != "delete_task":
            assert tool in called
    if habit.shown is not None:
        assert answer.text == habit.shown
    assert len(tool_messages(tessera.answers()[-1])) <= 3
