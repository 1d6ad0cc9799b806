"""Request shapes through the whole server: the probe at the start, `/readyz`, and answers in the shape `schema`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
import structlog
import trio

from server.commands import main
from tests import server_habits
from tests.model_server import open_model_server
from tests.server.tessera import Tessera, open_tessera
from tests.server_habits import wishes

TASKS = [
    {"id": "0f8fad5b-d9cb-469f-a165-70867728950e", "title": "Write the report", "status": "todo"},
    {"id": "7c9e6679-7425-40de-944b-e07fc1f90ae7", "title": "Call Ann", "status": "done"},
]


async def list_tasks(_: Mapping[str, Any]) -> Any:
    return {"items": TASKS}


async def shape_in_readyz(tessera: Tessera) -> str:
    async with httpx.AsyncClient(base_url=tessera.rest_url) as client:
        return str((await client.get("/readyz")).json()["model_shape"])


async def test_a_server_that_ignores_required_is_found_out_and_its_small_model_answers(
    database: str, nursery: trio.Nursery
) -> None:
    asked = ("list_tasks", {"status": "todo"})
    chart = ("show_chart", {"type": "bar", "of": "task", "by": "status", "title": "Tasks by status"})
    with structlog.testing.capture_logs() as logs:
        async with open_model_server(nursery) as model, AsyncExitStack() as stack:
            model.fallback = wishes(server_habits.ollama, asked, ("answer", {}), "One task is open.", chart)
            settings = {"model_url": model.url, "model_name": "qwen2.5-coder:1.5b", "model_shape": "auto"}
            tessera = await stack.enter_async_context(open_tessera(database, **settings))
            device = await stack.enter_async_context(tessera.device(tools={"list_tasks": list_tasks}))
            await model.wait_request(4)
            # No answer needs the probe: the model's name says that it is small.
            answer = await device.home("what is open?")
            end = await answer.finish()
            assert (end.status, answer.text) == ("completed", "One task is open.")
            answer = await device.home("a chart of my tasks by status")
            assert (await answer.finish()).status == "completed"
            (block,) = answer.blocks
            assert block.block_type == "chart"
            assert {tuple(row.values()) for row in block.data["data"]} == {("To do", 1), ("Done", 1)}
            assert (await shape_in_readyz(tessera)).startswith("schema (setting auto): required no, none no")
            assert len(model.requests) == 5 + 3 + 1
    (probed,) = [entry for entry in logs if entry["event"] == "model_probed"]
    assert (probed["shape"], probed["input_tokens"]) == ("schema", 500)
    ended = [entry for entry in logs if entry["event"] == "request_ended"]
    assert [(one["shape"], one["agent"], one["routed_by"]) for one in ended] == [("schema", "task_agent", "tool")] * 2
    assert [one["model_calls"] for one in ended] == [3, 1]
    assert [one["blocks"] for one in ended] == [[], ["chart"]]
    assert [one["rejected"] for one in ended] == [0, 0]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[str]], int]:
    """The command line without its set-up of logs, which lasts for the whole process and would reach later tests."""
    monkeypatch.setattr("server.commands.configure_logging", lambda *_: None)
    return main


async def test_probe_model_prints_what_the_server_obeys(
    command: Callable[[list[str]], int],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    nursery: trio.Nursery,
) -> None:
    async with open_model_server(nursery) as server:
        server.fallback = wishes(server_habits.llama_cpp, "unused")
        monkeypatch.setenv("TESSERA_MODEL_URL", server.url)
        monkeypatch.setenv("TESSERA_MODEL_NAME", "m")
        status = await trio.to_thread.run_sync(command, ["probe-model"])
        assert status == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"m at {server.url}\n")
    assert "required yes, none yes, tools_beside_schema no, schema yes" in printed
    assert printed.endswith("shape: native\n")


def test_probe_model_needs_a_model(
    command: Callable[[list[str]], int], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TESSERA_MODEL_URL", raising=False)
    assert command(["probe-model"]) == 2
    assert "TESSERA_MODEL_URL: must be set to probe a model" in capsys.readouterr().err
