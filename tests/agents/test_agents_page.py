"""`docs/agents.md` matches the code."""

from __future__ import annotations

import json
import re
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from agents.limits import AgentLimits
from agents.registry import AGENTS, ALL_TOOLS
from agents.tools.tool import Tool
from parser.blocks import Aggregate, BindReason, ChartFrom, TableFrom, TimelineFrom
from tests.agents.fakes import Models
from tests.model_server import text_stream, tool_calls

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "agents.md").read_text("utf-8")


def row(tool: Tool[Any]) -> str:
    """The tool's row of the page: name, arguments (`?` marks the optional ones), description."""
    schema = tool.spec().parameters
    required = schema.get("required", [])
    arguments = ", ".join(f"`{name}{'' if name in required else '?'}`" for name in schema["properties"])
    return f"| `{tool.name}` | {arguments} | {tool.description} |"


@pytest.mark.parametrize("name", AGENTS)
def test_the_page_has_every_agent_with_its_purpose(name: str) -> None:
    assert f"| `{name}` | {AGENTS[name].purpose} |" in PAGE


@pytest.mark.parametrize("tool", ALL_TOOLS.values(), ids=lambda tool: tool.name)
def test_the_page_has_every_tool_with_its_arguments(tool: Tool[Any]) -> None:
    assert row(tool) in PAGE


@pytest.mark.parametrize("word", [*BindReason, *Aggregate])
def test_the_page_has_every_reason_and_aggregate(word: str) -> None:
    assert f"`{word}`" in PAGE


@pytest.mark.parametrize("model", [ChartFrom, TableFrom, TimelineFrom])
def test_the_page_has_every_member_of_from(model: type[ChartFrom | TableFrom | TimelineFrom]) -> None:
    missing = [field.alias for field in model.model_fields.values() if f"`{field.alias}`" not in PAGE]
    assert not missing


def test_the_page_has_the_limits_of_a_repair() -> None:
    limits = AgentLimits()
    assert f"at most {limits.repair_blocks} blocks" in PAGE
    assert f"{limits.repair_tokens} tokens" in PAGE


async def test_the_program_on_the_page_runs(models: Models) -> None:
    server, _ = models
    (source,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    program: dict[str, Any] = {}
    exec(compile(source, "docs/agents.md", "exec"), program)  # noqa: S102 - it is a page of this project
    for _ in range(3):
        server.reply(
            text_stream(json.dumps({"agent": "task_agent"})),
            tool_calls(("list_tasks", {})),
            text_stream("Pay ", "the rent."),
        )
    async with aclosing(program["ask"](server.url, "test", "what is due?")) as answers:
        whole, streamed, with_results = [answer async for answer in answers]
    assert whole == streamed == "Pay the rent."
    task = {"id": "t1", "title": "Pay the rent", "status": "todo"}
    assert with_results == f"task_agent: Pay the rent. {[task]}"
