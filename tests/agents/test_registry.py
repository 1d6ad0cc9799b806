from __future__ import annotations

import pytest

from agents.registry import AGENTS, BY_ENTITY, GENERAL_AGENT, AgentSpec, agent_after
from streaming.chat import ToolCall


def test_the_agents() -> None:
    assert list(AGENTS) == ["task_agent", "project_agent", "note_agent", "checkpoint_agent", "general_agent"]
    assert all(AGENTS[f"{entity}_agent"] is spec for entity, spec in BY_ENTITY.items())
    assert set(AGENTS) - {spec.name for spec in BY_ENTITY.values()} == {GENERAL_AGENT}


@pytest.mark.parametrize("spec", BY_ENTITY.values(), ids=BY_ENTITY.keys())
def test_an_agent_has_all_verbs_of_its_entity_and_only_reads_the_others(spec: AgentSpec) -> None:
    names = [tool.name for tool in spec.tools]
    assert len(set(names)) == len(names)
    assert spec.entity is not None
    own = {name for name in names if spec.entity in name}
    assert {f"{verb}_{spec.entity}" for verb in ("get", "create", "update", "delete")} | {f"list_{spec.entity}s"} <= own
    assert "hand_over" in names
    others = set(names) - own - {"hand_over"}
    assert all(name.startswith("list_") for name in others)
    assert len(others) == 3


def test_the_general_agent_only_reads() -> None:
    names = [tool.name for tool in AGENTS[GENERAL_AGENT].tools]
    assert names == ["list_tasks", "list_projects", "list_notes", "list_checkpoints", "hand_over"]


@pytest.mark.parametrize(
    ("name", "arguments", "wanted"),
    [
        ("list_tasks", "{}", "task_agent"),
        ("list_projects", "{}", "task_agent"),
        ("create_note", "{}", "note_agent"),
        ("hand_over", '{"to": "checkpoint"}', "checkpoint_agent"),
        ("hand_over", '{"to": "moon"}', "task_agent"),
        ("hand_over", "", "task_agent"),
        ("no_such_tool", "{}", "task_agent"),
    ],
)
def test_a_tool_of_another_agent_is_a_hand_over(name: str, arguments: str, wanted: str) -> None:
    assert agent_after(AGENTS["task_agent"], [ToolCall("1", name, arguments)]).name == wanted
