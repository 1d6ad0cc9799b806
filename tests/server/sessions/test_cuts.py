"""The connection is cut at every frame of whole answers. The client's final state is that of a run without cuts."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

import pytest

from tests.server.memory_server import MemoryServer, memory_server
from tests.server.scripted_model import Step, call
from tests.server.sessions.resuming_client import Cut, ResumingClient, home, popup

TASK = {"id": "t1", "title": "Write", "status": "todo"}
TEXT = {"type": "text", "content": "Two things are due today."}
CHART = {
    "type": "chart",
    "chartType": "bar",
    "title": "Open",
    "data": [{"day": "Mon", "open": 3}],
    "config": {"open": {"label": "Open", "color": "red"}},
}
TABLE = {"type": "table", "headers": ["a", "b"], "rows": [["x", 1], ["y", 2]]}
TIMELINE = {"type": "timeline", "checkpoints": [{"id": "t1", "title": "Beta", "date": 1_790_000_000_000}]}
REFERENCE = {"type": "entity_ref", "entity": "task"}


def tokens(blocks: list[dict[str, Any]], size: int = 24) -> list[Step]:
    text = json.dumps(blocks)
    return [text[start : start + size] for start in range(0, len(text), size)]


@dataclass(frozen=True)
class Scenario:
    request: Callable[[], dict[str, Any]]
    answers: list[list[Step]]
    tools: dict[str, int]
    mutations: int
    blocks: int
    approver: bool = False


SCENARIOS = {
    "home with all types of blocks": Scenario(
        home,
        [[call("list_tasks")], tokens([TEXT, CHART, TABLE, {"type": "text", "content": "And:"}, TIMELINE, REFERENCE])],
        {"list_tasks": 1},
        mutations=0,
        blocks=6,
    ),
    "popup": Scenario(lambda: popup("task", "t1"), [["It ", "is ", "late", "."]], {}, mutations=0, blocks=1),
    "tools with approval": Scenario(
        home,
        [[call("create_task", title="Walk")], [call("delete_task", id="t1")], tokens([TEXT])],
        {"create_task": 1, "delete_task": 1},
        mutations=2,
        blocks=1,
    ),
    "tools that another device approves": Scenario(
        home,
        [[call("create_task", title="Walk")], [call("delete_task", id="t1")], tokens([TEXT])],
        {"create_task": 1, "delete_task": 1},
        mutations=2,
        blocks=1,
        approver=True,
    ),
    "repair": Scenario(
        home,
        [
            [call("list_tasks")],
            tokens([TEXT, {"type": "table", "headers": [], "rows": "none"}, TEXT]),
            tokens([TABLE]),
        ],
        {"list_tasks": 1},
        mutations=0,
        blocks=3,
    ),
}


def device(tool: str, args: dict[str, Any]) -> Any:
    if tool.startswith("list_"):
        return {"items": [TASK]}
    return {"id": args["id"]} if tool.startswith("delete_") else TASK | args.get("data", {})


def server(scenario: Scenario) -> MemoryServer:
    stack = memory_server()
    for answer in scenario.answers:
        stack.model.answer(*answer)
    return stack


async def run(scenario: Scenario, cut: Cut | None) -> ResumingClient:
    return await finish(scenario, ResumingClient(server(scenario), device, cut, approver=scenario.approver))


async def finish(scenario: Scenario, client: ResumingClient) -> ResumingClient:
    """Run the scenario, and check what must be true however often the connection was cut."""
    request = scenario.request()
    await client.run(request)
    identity = str(request["request_id"])
    assert client.processed_ends == {identity: 1}
    assert dict(client.ran) == scenario.tools
    assert len(client.screen.ends[identity]["mutations"]) == scenario.mutations
    kept = await client.server.sessions.result(client.server.user_id, UUID(identity))
    assert kept is not None
    assert kept.status == client.screen.ends[identity]["status"] == "completed"
    assert {block.block: block.content or block.data for block in kept.blocks} == {
        block: content for (_, block), (_, content) in client.screen.blocks.items()
    }
    return client


def state(client: ResumingClient) -> Any:
    screen = client.screen
    blocks = [(block, shown) for (_, block), shown in sorted(screen.blocks.items())]
    (end,) = screen.ends.values()
    return list(screen.begun.values()), blocks, {k: v for k, v in end.items() if k != "request_id"}


@pytest.mark.parametrize("lost", [True, False], ids=["lost", "delivered"])
@pytest.mark.parametrize("side", ["server", "client"])
@pytest.mark.parametrize("name", SCENARIOS)
async def test_a_cut_at_any_frame_changes_nothing(name: str, side: Literal["server", "client"], lost: bool) -> None:
    scenario = SCENARIOS[name]
    uncut = state(await run(scenario, None))
    assert len(uncut[1]) == scenario.blocks
    cuts = 0
    for at in itertools.count():
        client = await run(scenario, cut := Cut(side, at, lost=lost))
        assert state(client) == uncut, (at, lost)
        if not cut.done:
            break
        cuts += 1
        assert client.outcomes in (["new", "resumed"], ["new"])  # the last frame may need no second socket
    assert cuts >= 1


@pytest.mark.parametrize("name", SCENARIOS)
async def test_cuts_at_every_frame_change_nothing(name: str) -> None:
    scenario = SCENARIOS[name]
    uncut = state(await run(scenario, None))
    client = await run(scenario, Cut("server", every=True))
    assert state(client) == uncut
    assert client.outcomes[1:].count("resumed") >= 2
