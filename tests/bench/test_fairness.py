"""The fairness benchmark: its verdict, and a short pass against a whole server."""

from __future__ import annotations

from bench.fairness import ATTACKS, Noticed, Server, compare, unfair
from tests.server.tessera import open_tessera

QUIET = Noticed(0.1, 0.2)


def test_an_attack_may_cost_three_times_the_quiet_time() -> None:
    found = {"nobody": QUIET, "ok": Noticed(0.29, 0.59), "slow": Noticed(0.31, 0.2), "login": Noticed(0.1, 0.61)}
    assert unfair(found) == ["slow", "login"]
    assert unfair({"nobody": Noticed(0.001, 0.001), "noise": Noticed(0.04, 0.04)}) == []


async def test_each_attack_runs_and_the_quiet_user_is_answered(database: str) -> None:
    async with open_tessera(database) as tessera:
        server = Server(tessera.rest_url, tessera.ws_url)
        found = await compare(server, list(ATTACKS), seconds=0.2, logins=1)
    assert found.keys() == {"nobody", *ATTACKS}
    assert all(0 < one.ping_p99_s < 5 and 0 < one.login_s < 5 for one in found.values())
