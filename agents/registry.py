"""The table of agents: one for each entity, and a general one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, cast

from agents.tools import (
    CHECKPOINT_TOOLS,
    ENTITIES,
    HAND_OVER,
    NOTE_TOOLS,
    PROJECT_TOOLS,
    TASK_TOOLS,
    Tool,
    read_tools,
    write_tools,
)
from streaming.chat import ToolCall, ToolSpec
from streaming.wire import Entity


@dataclass(frozen=True, slots=True)
class AgentSpec:
    """An agent: its entity, its tools, and its prompt `prompts/<name>.md`. The router's prompt has its `purpose`.

    The general agent has no entity.
    """

    name: str
    entity: Entity | None
    purpose: str
    tools: tuple[Tool[Any], ...]

    def specs(self, *, lean: bool = False) -> tuple[ToolSpec, ...]:
        """The tools as the model sees them, by name, so that they are the same bytes in every request.

        `lean`, for every model that reads the tools: without those that another tool can replace. `update_task` moves
        and reopens a task, `list_tasks` has all its fields, and `hand_over` leads to the lists of other entities. The
        model may still call them.
        """
        return _specs_of(self.name, lean)


@cache
def _specs_of(agent_name: str, lean: bool) -> tuple[ToolSpec, ...]:
    spec = AGENTS[agent_name]
    shown = [tool for tool in spec.tools if not (lean and spec.entity is not None and _is_replaceable(spec, tool))]
    return tuple(tool.spec() for tool in sorted(shown, key=lambda tool: tool.name))


def _is_replaceable(spec: AgentSpec, tool: Tool[Any]) -> bool:
    return tool.name in _REPLACEABLE or (tool.entity is not None and tool.entity != spec.entity)


_REPLACEABLE = frozenset({"get_task", "move_task", "reopen_task"})
_ENTITY = re.compile(r'"to"\s*:\s*"(\w+)"')
_SHOWN_OF_OTHERS = frozenset({"text", "projectId", "status", "due"})


def _tools(entity: Entity, *own: Tool[Any]) -> tuple[Tool[Any], ...]:
    """All verbs of the agent's entity, the agent's own tools, short list tools of the others, and the hand-over."""
    others = [replace(read_tools(other)[0], shown=_SHOWN_OF_OTHERS) for other in ENTITIES if other != entity]
    return (*read_tools(entity), *write_tools(entity), *own, *others, HAND_OVER)


_SPECS = (
    AgentSpec(
        "task_agent",
        "task",
        "Tasks and to-dos: what to do today or next, what is due or overdue, who does what, priorities, and creating, "
        "changing, finishing or deleting tasks. Also a day's or week's plan.",
        _tools("task", *TASK_TOOLS),
    ),
    AgentSpec(
        "project_agent",
        "project",
        "Projects and clients: which there are, their status and progress, and creating or changing projects.",
        _tools("project", *PROJECT_TOOLS),
    ),
    AgentSpec(
        "note_agent",
        "note",
        "Notes: writing something down, finding, reading, summarising or changing notes.",
        _tools("note", *NOTE_TOOLS),
    ),
    AgentSpec(
        "checkpoint_agent",
        "checkpoint",
        "Checkpoints: milestones and deadlines on a project's timeline or Gantt chart, approving and moving them.",
        _tools("checkpoint", *CHECKPOINT_TOOLS),
    ),
    AgentSpec(
        "general_agent",
        None,
        "Everything else: greetings, thanks, questions about the app or the world, and messages about none of the "
        "person's tasks, projects, notes or checkpoints, or about all of them together.",
        (*(read_tools(entity)[0] for entity in ENTITIES), HAND_OVER),
    ),
)

AGENTS: dict[str, AgentSpec] = {spec.name: spec for spec in _SPECS}
BY_ENTITY: dict[Entity, AgentSpec] = {spec.entity: spec for spec in _SPECS if spec.entity is not None}
GENERAL_AGENT = "general_agent"
"""The agent for every message that fits no other agent. It can read items, and hands over to change them."""
_EVERY = [tool for spec in _SPECS for tool in spec.tools]
ALL_TOOLS: dict[str, Tool[Any]] = {tool.name: tool for tool in sorted(_EVERY, key=lambda tool: tool.shown is None)}
"""The tools of all agents by name. Every agent may call each of them: a foreign one is a hand-over to its agent."""


def agent_after(spec: AgentSpec, calls: Sequence[ToolCall]) -> AgentSpec:
    """The agent that goes on after `calls`: that of the first hand-over or foreign tool among them, else `spec`."""
    own = {tool.name for tool in spec.tools}
    for call in calls:
        if call.name == HAND_OVER.name:
            named = _ENTITY.search(call.arguments)
            return BY_ENTITY.get(cast("Entity", named[1]), spec) if named else spec
        tool = ALL_TOOLS.get(call.name)
        if tool is not None and call.name not in own and tool.entity is not None:
            return BY_ENTITY[tool.entity]
    return spec
