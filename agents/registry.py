"""The table of agents: one for each entity, and a general one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agents.tools import (
    CHECKPOINT_TOOLS,
    ENTITIES,
    NOTE_TOOLS,
    PROJECT_TOOLS,
    TASK_TOOLS,
    Tool,
    read_tools,
    write_tools,
)
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


def _tools(entity: Entity, *own: Tool[Any]) -> tuple[Tool[Any], ...]:
    """All verbs of the agent's entity, the agent's own tools, and the list tools of the other entities."""
    others = [read_tools(other)[0] for other in ENTITIES if other != entity]
    return (*read_tools(entity), *write_tools(entity), *own, *others)


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
        tuple(read_tools(entity)[0] for entity in ENTITIES),
    ),
)

AGENTS: dict[str, AgentSpec] = {spec.name: spec for spec in _SPECS}
BY_ENTITY: dict[Entity, AgentSpec] = {spec.entity: spec for spec in _SPECS if spec.entity is not None}
GENERAL_AGENT = "general_agent"
"""The agent for every message that fits no other agent. It can read items but not change them."""
