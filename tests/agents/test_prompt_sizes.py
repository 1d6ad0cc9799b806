"""The size of the first call of each agent, in estimated tokens (`tests.agents.tokens`). `pytest -s` prints it."""

from __future__ import annotations

import json
from typing import Literal

import pytest

from agents.limits import AgentLimits
from agents.prompt_text import act_message, prompt, step_message, system_message
from agents.registry import AGENTS, AgentSpec
from agents.tools import signatures
from tests.agents.fakes import make_turn
from tests.agents.tokens import estimated_tokens

# The first version's task agent had 3,881 tokens in home and 2,640 in a popup, as Qwen2.5-Coder counts them.
MOST: dict[str, int] = {"home": 1900, "popup": 1200}
MOST_WITH_SIGNATURES = 800
MOST_HELD: dict[str, int] = {"home": 1500, "popup": 1200}
MOST_NATIVE = 1500
MOST_WITH_STEPS = 800


def schemas(spec: AgentSpec, *, lean: bool = False) -> str:
    return json.dumps(
        [
            {
                "type": "function",
                "function": {"name": one.name, "description": one.description, "parameters": one.parameters},
            }
            for one in spec.specs(lean=lean)
        ]
    )


@pytest.mark.parametrize("mode", ["home", "popup"])
@pytest.mark.parametrize("agent", AGENTS)
def test_the_first_call_with_schemas_is_bounded(agent: str, mode: Literal["home", "popup"]) -> None:
    system = estimated_tokens(system_message(agent, make_turn(mode=mode), AgentLimits()).content)
    tools = estimated_tokens(schemas(AGENTS[agent], lean=True))
    print(f"{agent} {mode}: system {system}, tools {tools}, together {system + tools}")
    assert system + tools <= MOST[mode]


@pytest.mark.parametrize("agent", AGENTS)
def test_the_first_call_with_signatures_is_bounded(agent: str) -> None:
    lines = signatures(AGENTS[agent].specs())
    size = estimated_tokens("\n\n".join([prompt(agent), prompt("rules"), prompt("tools"), lines]))
    print(f"{agent} with signatures: {size}")
    assert size <= MOST_WITH_SIGNATURES
    assert estimated_tokens(lines) * 3 < estimated_tokens(schemas(AGENTS[agent]))


@pytest.mark.parametrize("mode", ["home", "popup"])
@pytest.mark.parametrize("agent", AGENTS)
def test_the_first_call_that_is_held_to_the_schema_is_bounded(agent: str, mode: Literal["home", "popup"]) -> None:
    system = estimated_tokens(system_message(agent, make_turn(mode=mode), AgentLimits(), held=True).content)
    tools = estimated_tokens(schemas(AGENTS[agent], lean=True))
    print(f"{agent} hosted {mode}: system {system}, tools {tools}, together {system + tools}")
    assert system + tools <= MOST_HELD[mode]


@pytest.mark.parametrize("agent", AGENTS)
def test_the_first_call_of_the_shape_native_is_bounded(agent: str) -> None:
    system = estimated_tokens(act_message(agent).content)
    tools = estimated_tokens(schemas(AGENTS[agent], lean=True))
    print(f"{agent} native: system {system}, tools {tools}, together {system + tools}")
    assert system + tools <= MOST_NATIVE


@pytest.mark.parametrize("mode", ["home", "popup"])
def test_the_first_call_of_the_shape_schema_is_bounded(mode: Literal["home", "popup"]) -> None:
    size = estimated_tokens(step_message(mode).content)
    print(f"schema {mode}: {size}")
    assert size <= MOST_WITH_STEPS


def test_a_signature_names_every_argument_and_its_values() -> None:
    lines = signatures(AGENTS["task_agent"].specs()).splitlines()
    assert "complete_task(id)" in lines
    assert (
        "create_task(title, assignee?, description?, dueDate?, priority?: low|medium|high, projectId?, "
        "status?: todo|in_progress|done)" in lines
    )
    listed = next(line for line in lines if line.startswith("list_tasks("))
    assert "status[]?: todo|in_progress|done" in listed
    assert "due?: today|overdue|week" in listed
