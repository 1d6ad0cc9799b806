"""Limits of the REST listener: hosts, the metrics' token, requests per user."""

from __future__ import annotations

import httpx
import trio

from tests.server.tessera import open_tessera


async def test_a_rebound_page_gets_nothing_and_metrics_need_their_token(database: str) -> None:
    token = "a-token-of-the-collector"
    async with (
        open_tessera(
            database, metrics_token=token, max_http_requests_burst_per_user=3, max_http_requests_per_s_per_user=0.001
        ) as tessera,
        httpx.AsyncClient(base_url=tessera.rest_url, trust_env=False) as client,
    ):
        rebound = await client.post("/api/v1/auth/register", headers={"Host": "evil.example"})
        assert (rebound.status_code, rebound.json()["error"]["code"]) == (421, "wrong_host")
        assert (await client.get("/metrics")).status_code == 401
        assert (await client.get("/metrics", headers={"Authorization": "Bearer other"})).status_code == 401
        metrics = await client.get("/metrics", headers={"Authorization": f"Bearer {token}"})
        assert "tessera_loop_block_seconds" in metrics.text
        account, other = await tessera.account(), await tessera.account()

        async def ask(access_token: str) -> httpx.Response:
            return await client.get("/api/v1/conversations", headers={"Authorization": f"Bearer {access_token}"})

        answers = [await ask(account.access_token) for _ in range(3)]
        began = trio.current_time()
        answers.append(await ask(account.access_token))
        assert trio.current_time() - began >= 0.5, "a refused client that asks in a loop is slowed down"
        refused = [answer for answer in answers if answer.status_code == 429]
        assert refused == answers[3:]
        assert refused[0].json()["error"]["code"] == "rate_limited"
        assert int(refused[0].headers["Retry-After"]) >= 1
        assert (await ask(other.access_token)).status_code == 200
