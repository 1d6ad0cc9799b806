"""A conversation with the demo model's rules, whose tools answer from sample data."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel

from agents.binding import Binder
from agents.call_metadata import answer_metadata, repair_metadata
from agents.dates import with_local_times
from agents.device import DeviceCall, DeviceResult, Outcome
from agents.limits import AgentLimits
from agents.prompt_text import opening_messages
from agents.registry import AGENTS
from agents.repair import instructions
from agents.tool_results import ToolResults
from agents.turn import EarlierTurns, Scope, Turn
from demo.model import Reply, respond
from demo.request import parse_request
from parser.blocks import (
    BoundChartBlock,
    BoundTableBlock,
    BoundTimelineBlock,
    ChartBlock,
    EntityRefBlock,
    TableBlock,
    TimelineBlock,
)
from person import UTC_CALENDAR
from streaming.answer import RejectedBlock
from streaming.chat import Message

# Friday.
NOW_MS = 1_741_966_200_000
DAY_MS = 86_400_000
NOON_MS = 1_741_953_600_000

BLOCK_MODELS: dict[str, type[BaseModel]] = {
    "chart": ChartBlock,
    "table": TableBlock,
    "timeline": TimelineBlock,
    "entity_ref": EntityRefBlock,
}


BOUND_MODELS: dict[str, type[BaseModel]] = {
    "chart": BoundChartBlock,
    "table": BoundTableBlock,
    "timeline": BoundTimelineBlock,
}


def model_of(block: Mapping[str, Any]) -> type[BaseModel]:
    """The parser's model of a block that is not text."""
    return (BOUND_MODELS if "from" in block else BLOCK_MODELS)[block["type"]]


def task(identity: str, title: str, status: str, priority: str, due: int | None, project: str | None = None) -> Any:
    """`due` is in days from now."""
    date = None if due is None else NOON_MS + due * DAY_MS
    return {"id": identity, "title": title, "status": status, "priority": priority, "assignee": "me"} | {
        "dueDate": date,
        "projectId": project,
    }


DATA: dict[str, list[dict[str, Any]]] = {
    "task": [
        task("t1", "Pay the rent", "todo", "high", -1),
        task("t2", "Call Ann", "todo", "medium", 0, "p1"),
        task("t3", "Call Bob", "in_progress", "high", 1, "p1"),
        task("t4", "Old thing", "done", "low", -9, "p2"),
        task("t5", "Some day", "todo", "low", None),
    ],
    "project": [
        {"id": "p1", "name": "Harbour", "clientId": None, "status": "active"},
        {"id": "p2", "name": "Atlas", "clientId": None, "status": "completed"},
    ],
    "note": [{"id": "n1", "title": "Paper", "createdAt": NOW_MS - DAY_MS, "projectId": "p1", "content": "120 g"}],
    "checkpoint": [
        {"id": "k2", "title": "Launch", "date": NOON_MS + 9 * DAY_MS, "projectId": "p1", "isApproved": True},
        {"id": "k1", "title": "Beta", "date": NOON_MS + 2 * DAY_MS, "projectId": "p1", "isApproved": False},
    ],
}  # fmt: skip


@dataclass
class Talk:
    """The tool calls and the answer for one message."""

    calls: list[list[tuple[str, dict[str, Any]]]] = field(default_factory=list)
    answer: str = ""
    data: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)

    @property
    def names(self) -> list[list[str]]:
        return [[name for name, _ in calls] for calls in self.calls]

    @property
    def written(self) -> list[dict[str, Any]]:
        """The blocks as the model wrote them."""
        blocks = json.loads(self.answer)
        assert isinstance(blocks, list)
        for block in blocks:
            if block["type"] != "text":
                model_of(block).model_validate(block)
        return blocks

    @property
    def blocks(self) -> list[dict[str, Any]]:
        """The blocks as people see them: value-bound blocks are computed, as in the server."""
        return [self._shown(block) for block in self.written]

    def _shown(self, block: dict[str, Any]) -> dict[str, Any]:
        if "from" not in block:
            return block
        results = ToolResults()
        for entity, items in self.data.items():
            results.add(entity, items)
        found = Binder(results).bind(model_of(block).model_validate(block))  # type: ignore[arg-type]  # it has `from`
        assert isinstance(found, dict), found
        return {"type": block["type"], **found}

    @property
    def text(self) -> str:
        return str(self.written[0]["content"])

    def block(self, kind: str) -> dict[str, Any]:
        (found,) = [block for block in self.blocks if block["type"] == kind]
        return found


class NoDevice:
    """A device that is not connected."""

    async def execute(self, call: DeviceCall) -> DeviceResult:
        return DeviceResult(Outcome.DEVICE_OFFLINE)


def talk(
    message: str,
    agent: str = "task_agent",
    *,
    mode: Literal["home", "popup"] = "home",
    data: Mapping[str, Sequence[Mapping[str, Any]]] = DATA,
    failing: Mapping[str, str] | None = None,
    scope: Scope | None = None,
    earlier: EarlierTurns | None = None,
    history: Sequence[Message] = (),
    rounds: int = 4,
    rejected: Sequence[RejectedBlock] = (),
) -> Talk:
    """Ask as the agents do, run the tools that are asked for, and return the calls and the answer.

    `failing` maps a tool to its error code. After the answer, the blocks in `rejected` are asked for again; the answer
    to that is returned.
    """
    turn = Turn(
        message, mode, NoDevice(), scope=scope, history=history, now_ms=NOW_MS, earlier=earlier or EarlierTurns()
    )
    opening = opening_messages(agent, turn, AgentLimits())
    messages: list[dict[str, Any]] = [{"role": part.role, "content": part.content} for part in opening]
    metadata = answer_metadata(agent, turn)
    offered = {tool.name: tool for tool in AGENTS[agent].tools}
    tools = [
        {"type": "function", "function": {"name": name, "parameters": dict(tool.spec().parameters)}}
        for name, tool in offered.items()
    ]
    result = Talk(data=data)
    for _ in range(rounds):
        body = {"messages": messages, "tools": tools, "metadata": metadata}
        reply = respond(parse_request(json.dumps(body)), now_ms=0)
        if not reply.calls:
            result.answer = reply.text
            if not rejected:
                return result
            metadata = repair_metadata(metadata, rejected)
            asked = instructions(rejected)
            messages += [{"role": "assistant", "content": reply.text}, {"role": "user", "content": asked}]
            rejected = ()
            continue
        result.calls.append([(call.name, dict(call.arguments)) for call in reply.calls])
        messages += _run(reply, offered, data, failing or {})
    raise AssertionError(f"still asking for tools after {rounds} rounds: {result.names}")


def _run(reply: Reply, offered: Mapping[str, Any], data: Mapping[str, Any], failing: Mapping[str, str]) -> Any:
    calls, answers = [], []
    for number, call in enumerate(reply.calls):
        identity = f"{call.name}-{number}"
        arguments = json.dumps(dict(call.arguments))
        calls.append({"id": identity, "type": "function", "function": {"name": call.name, "arguments": arguments}})
        # The agent's own model of the arguments must accept what the demo model filled in.
        offered[call.name].args.model_validate_json(arguments)
        content = (
            {"error": {"code": failing[call.name], "message": "No."}}
            if call.name in failing
            else _result(call.name, dict(call.arguments), data)
        )
        answers.append({"role": "tool", "tool_call_id": identity, "content": json.dumps(content)})
    return [{"role": "assistant", "content": None, "tool_calls": calls}, *answers]


def _result(name: str, arguments: dict[str, Any], data: Mapping[str, Any]) -> Any:
    verb, entity = name.split("_")
    if verb == "list":
        words = str(arguments.get("text") or "").casefold().split()
        found = [item for item in data[entity.removesuffix("s")] if all(word in str(item).casefold() for word in words)]
        return {"items": [with_local_times(item, UTC_CALENDAR) for item in found]}
    if verb == "create":
        return {"id": "new", **arguments}
    if verb == "delete":
        return {"id": arguments["id"], "deleted": True}
    item = next(item for item in data[entity] if str(item.get("id")) == arguments["id"])
    return {**item, **arguments} | ({"status": "done"} if verb == "complete" else {})
