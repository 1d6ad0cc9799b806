"""The live tree, readiness and metrics of a running server over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx
import pytest
import trio

from tests.model_server import Never, ReceivedRequest, Step, error_status, tool_calls
from tests.server.tessera import Tessera, open_tessera

TOKEN = "an administrator's".replace(" ", "-") + "-token"
SECRET = "the person's own words"


async def get(tessera: Tessera, path: str, token: str | None = TOKEN) -> httpx.Response:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=tessera.rest_url, trust_env=False) as client:
        return await client.get(path, headers=headers)


async def test_the_live_tree_has_sockets_requests_and_calls_and_no_contents(database: str) -> None:
    begun = trio.Event()

    async def hang(args: Mapping[str, Any]) -> Any:
        begun.set()
        await trio.sleep_forever()

    def model(request: ReceivedRequest) -> list[Step]:
        return tool_calls(("list_tasks", {"text": SECRET}))

    async with open_tessera(database, admin_token=TOKEN) as tessera:
        account = await tessera.account()
        tessera.script(model)
        async with tessera.device(account, tools={"list_tasks": hang}) as device:
            asked = await device.home(SECRET)
            await begun.wait()
            answer = await get(tessera, "/debug/tasks?trio=true")
            assert answer.status_code == 200
            assert SECRET not in answer.text
            (server,) = answer.json()["servers"]
            (socket,) = server["sockets"]
            assert socket["user_id"] == str(account.user_id)
            (request,) = socket["requests"]
            assert (request["request_id"], request["state"]) == (str(asked.request_id), "tool list_tasks")
            assert request["agent"] == "task_agent"
            (call,) = request["calls"]
            assert call["tool"] == "list_tasks"
            assert server["requests"] == []
            assert "server.sockets.view.SocketView" in str(server["tasks"])

            async with trio.open_nursery() as nursery:
                tessera.script(lambda _: [Never()])

                async def ask() -> None:
                    async with httpx.AsyncClient(base_url=tessera.rest_url, trust_env=False) as client:
                        bearer = {"Authorization": f"Bearer {account.access_token}"}
                        await client.post("/api/v1/chat", json={"message": SECRET}, headers=bearer, timeout=60)

                before = len(tessera.answers())
                nursery.start_soon(ask)
                while len(tessera.answers()) == before:  # noqa: ASYNC110 - the model server says so to nobody
                    await trio.sleep(0.01)
                (without,) = (await get(tessera, "/debug/tasks")).json()["servers"][0]["requests"]
                assert without["state"] == "model"
                nursery.cancel_scope.cancel()


@pytest.mark.parametrize("token", [None, "wrong-token-of-16-characters", "x"])
async def test_the_live_tree_is_for_the_administrator(database: str, token: str | None) -> None:
    async with open_tessera(database, admin_token=TOKEN) as tessera:
        refused = await get(tessera, "/debug/tasks", token)
        assert refused.status_code == 401
        assert refused.json()["error"]["code"] == "unauthorized"


async def test_without_the_setting_there_is_no_live_tree(database: str) -> None:
    async with open_tessera(database) as tessera:
        assert (await get(tessera, "/debug/tasks")).status_code == 404


async def test_readiness_and_metrics_show_the_circuit_breaker(database: str) -> None:
    async with open_tessera(database, model_breaker_failures=1, router_timeout_s=1) as tessera:
        assert (await get(tessera, "/readyz")).json()["checks"] == {"database": "ok", "model": "ok"}
        tessera.model.fallback = lambda _: error_status(500)
        async with tessera.device() as device:
            assert (await (await device.home("hello")).finish()).status == "failed"
        metrics = (await get(tessera, "/metrics")).text
        assert 'tessera_model_breaker{model="scripted",state="open",use="answer"} 1.0' in metrics
        assert 'tessera_model_faults_total{code="model_unavailable",model="scripted",use="answer"}' in metrics
        unready = await get(tessera, "/readyz")
        assert unready.status_code == 503
        assert "circuit breaker" in unready.json()["checks"]["model"]
