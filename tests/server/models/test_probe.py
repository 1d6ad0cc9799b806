"""The probe against servers that obey different things, and the shape that follows."""

from __future__ import annotations

import httpx
import pytest
import structlog
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from server.models.probe import Obedience, is_small, probe, shape_of
from server.models.shape_keeper import ShapeKeeper
from server.models.traffic import Traffic
from streaming.chat import Usage
from streaming.model import ChatModel, ModelConfig, ModelError, open_http_client
from tests import server_habits
from tests.model_server import ModelServer, chunk, end, error_status, open_model_server, sse
from tests.server_habits import Habit, wishes


async def obedience_of(habit: Habit) -> Obedience:
    async with trio.open_nursery() as nursery, open_model_server(nursery) as server, open_http_client() as client:
        server.fallback = wishes(habit, "unused")
        return await probe(ChatModel(client, ModelConfig("m", server.url)), Usage())


@pytest.mark.parametrize(
    ("habit", "required", "none", "beside", "schema", "shape"),
    [
        (server_habits.llama_cpp, True, True, False, True, "native"),
        (server_habits.llama_cpp_without_required, False, True, False, True, "schema"),
        (server_habits.vllm, True, True, False, True, "native"),
        (server_habits.vllm_with_empty_calls, False, True, False, True, "schema"),
        (server_habits.ollama, False, False, False, True, "schema"),
        (server_habits.openai, True, True, True, True, "hosted"),
        (server_habits.unenforced, False, True, False, False, "hosted"),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
async def test_each_server_gets_its_shape(
    habit: Habit, required: bool, none: bool, beside: bool, schema: bool, shape: str
) -> None:
    found = await obedience_of(habit)
    assert (found.required, found.none, found.tools_beside_schema, found.schema) == (required, none, beside, schema)
    assert shape_of(found, small=False, guess="hosted") == shape
    if schema:
        assert shape_of(found, small=True, guess="schema") == "schema"


async def test_five_small_calls_that_hold_nothing_of_a_person(nursery: trio.Nursery) -> None:
    async with open_model_server(nursery) as server, open_http_client() as client:
        server.fallback = wishes(server_habits.openai, "unused")
        usage = Usage()
        await probe(ChatModel(client, ModelConfig("m", server.url)), usage)
        assert len(server.requests) == usage.calls == 5
        assert all(request.body["max_tokens"] == 64 for request in server.requests)
        assert usage.input_tokens == 500


@pytest.mark.parametrize(("cached", "reuses"), [(None, None), (0, False), (90, True)])
async def test_cached_tokens(cached: int | None, reuses: bool | None, nursery: trio.Nursery) -> None:
    usage: dict[str, object] = {"prompt_tokens": 100, "completion_tokens": 1}
    if cached is not None:
        usage["prompt_tokens_details"] = {"cached_tokens": cached}
    async with open_model_server(nursery) as server, open_http_client() as client:
        server.fallback = [chunk({"content": "x"}, "stop"), sse({"choices": [], "usage": usage}), sse("[DONE]")]
        found = await probe(ChatModel(client, ModelConfig("m", server.url)), Usage())
        assert (found.cached, found.reuses) == (cached is not None, reuses)


async def test_a_server_that_refuses_tools_does_not_obey_them(nursery: trio.Nursery) -> None:
    reply = wishes(server_habits.llama_cpp, "unused")
    async with open_model_server(nursery) as server, open_http_client() as client:
        server.fallback = lambda request: error_status(400) if "tools" in request.body else reply(request)
        found = await probe(ChatModel(client, ModelConfig("m", server.url)), Usage())
        assert (found.required, found.none, found.tools_beside_schema, found.schema) == (False, False, False, True)
        assert shape_of(found, small=False, guess="hosted") == "schema"
        server.fallback = error_status(401)
        with pytest.raises(ModelError):
            await probe(ChatModel(client, ModelConfig("m", server.url)), Usage())


async def test_a_hosted_model_that_refuses_only_required_stays_hosted(nursery: trio.Nursery) -> None:
    reply = wishes(server_habits.openai, "unused")
    async with open_model_server(nursery) as server, open_http_client() as client:
        server.fallback = lambda request: (
            error_status(400) if request.body.get("tool_choice") == "required" else reply(request)
        )
        found = await probe(ChatModel(client, ModelConfig("m", server.url)), Usage())
        assert (found.required, found.tools_beside_schema) == (False, True)
        assert shape_of(found, small=False, guess="hosted") == "hosted"


async def test_a_model_that_only_reasons_within_the_limit_shows_nothing(nursery: trio.Nursery) -> None:
    async with open_model_server(nursery) as server, open_http_client() as client:
        server.fallback = [chunk({"reasoning_content": "Let me think"}), *end("length", (100, 64))]
        found = await probe(ChatModel(client, ModelConfig("m", server.url)), Usage())
        assert (found.required, found.schema) == (None, None)
        assert shape_of(found, small=False, guess="hosted") == "hosted"


@pytest.mark.parametrize(
    ("name", "small"),
    [
        ("Qwen2.5-Coder-1.5B-Instruct", True),
        ("qwen2.5-coder:0.5b", True),
        ("llama3.2:3b", True),
        ("Qwen3-4B-Instruct-2507", False),
        ("Qwen3-30B-A3B", False),
        ("gpt-5-mini", False),
        ("llama3.1", False),
    ],
)
def test_small_models_by_name(name: str, small: bool) -> None:
    assert is_small(name) is small


class Kept:
    """A keeper of a scripted model."""

    def __init__(self, client: httpx.AsyncClient, server: ModelServer, name: str = "m", setting: str = "auto") -> None:
        self.disobeyed: list[tuple[str, str]] = []
        self.model = ChatModel(client, ModelConfig(name, server.url))
        self.keeper = ShapeKeeper(
            self.model,
            setting,  # type: ignore[arg-type]  # a test gives any
            self_hosted=True,
            on_disobeyed=lambda shape, how: self.disobeyed.append((shape, how)),
        )


async def test_the_probe_sets_the_shape_and_tells_readyz(nursery: trio.Nursery) -> None:
    async with open_model_server(nursery) as server, open_http_client() as client:
        server.fallback = wishes(server_habits.llama_cpp, "unused")
        keeper = Kept(client, server).keeper
        assert shape_now(keeper) == "hosted"
        nursery.start_soon(keeper.run)
        await server.wait_request(4)
        await _until(lambda: shape_now(keeper) == "native")
        assert keeper.keeps_tools
        assert not keeper.schema_beside_tools
        assert keeper.describe().startswith("native (setting auto): required yes, none yes, tools_beside_schema no")
        nursery.cancel_scope.cancel()


async def test_it_is_probed_again_when_the_server_serves_another_model(nursery: trio.Nursery) -> None:
    async with open_model_server(nursery) as server, open_http_client() as client:
        server.fallback = wishes(server_habits.llama_cpp, "unused")
        keeper = Kept(client, server).keeper
        nursery.start_soon(keeper.run)
        await _until(lambda: shape_now(keeper) == "native")
        server.fallback = wishes(server_habits.ollama, "unused")
        keeper._model._habits.served = "another.gguf"
        assert shape_now(keeper) == "native"
        await _until(lambda: shape_now(keeper) == "schema")
        assert len(server.requests) == 10
        nursery.cancel_scope.cancel()


async def test_a_setting_overrides_the_probe(nursery: trio.Nursery) -> None:
    async with open_model_server(nursery) as server, open_http_client() as client:
        kept = Kept(client, server, setting="schema")
        await kept.keeper.run()
        kept.keeper.disobeyed("schema", "schema_ignored")
        assert shape_now(kept.keeper) == "schema"
        assert server.requests == []
        assert kept.disobeyed == [("schema", "schema_ignored")]


async def test_a_small_model_of_ones_own_begins_with_the_schema(nursery: trio.Nursery) -> None:
    async with open_model_server(nursery) as server, open_http_client() as client:
        assert Kept(client, server, "qwen2.5:1.5b").keeper.current == "schema"


async def test_a_shape_that_is_not_obeyed_is_left_for_the_next(nursery: trio.Nursery) -> None:
    async with open_model_server(nursery) as server, open_http_client() as client:
        kept = Kept(client, server)
        with structlog.testing.capture_logs() as logs:
            kept.keeper.disobeyed("hosted", "required_ignored")
            assert shape_now(kept.keeper) == "native"
            kept.keeper.disobeyed("hosted", "required_ignored")  # a request that began before
            assert shape_now(kept.keeper) == "native"
            kept.keeper.disobeyed("native", "required_ignored")
            assert shape_now(kept.keeper) == "schema"
            kept.keeper.disobeyed("schema", "schema_ignored")
            assert shape_now(kept.keeper) == "schema"
        assert [entry["next"] for entry in logs] == ["native", "native", "schema", "schema"]
        assert len(kept.disobeyed) == 4


async def test_the_probe_lets_peoples_calls_go_first(autojump_clock: MockClock) -> None:
    traffic = Traffic()
    began = trio.current_time()
    await traffic.quiet()
    assert trio.current_time() == began
    with traffic.call():
        await trio.sleep(30)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(traffic.quiet)
        await trio.sleep(1)
        with traffic.call(), traffic.call():
            await trio.sleep(10)
    assert trio.current_time() - began == 30 + 1 + 10 + 2
    with traffic.call():
        await traffic.quiet()
    assert trio.current_time() - began == 43 + 120, "it does not wait forever"


async def test_a_probe_that_fails_is_repeated_later(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    async with open_model_server(nursery) as server, open_http_client() as client:
        server.reply(error_status(503))
        server.fallback = wishes(server_habits.llama_cpp, "unused")
        keeper = Kept(client, server).keeper
        with structlog.testing.capture_logs() as logs:
            nursery.start_soon(keeper.run)
            await server.wait_request(5)
            await _until(lambda: shape_now(keeper) == "native")
        assert [entry["event"] for entry in logs] == ["model_probe_failed", "model_probed"]
        assert logs[0]["retry_in_s"] == 10
        nursery.cancel_scope.cancel()


def shape_now(keeper: ShapeKeeper) -> str:
    return keeper.current


async def _until(holds: object) -> None:
    assert callable(holds)
    for _ in range(1000):
        if holds():
            return
        await wait_all_tasks_blocked(0.001)
    raise AssertionError("it does not become true")
