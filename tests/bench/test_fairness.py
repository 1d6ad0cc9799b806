"""The fairness benchmark: its verdict, and a short pass against a whole server."""

from __future__ import annotations

from bench.fairness.attacks import ATTACKS
from bench.fairness.comparison import NOBODY, Pair, Plan, compare, table, unfair
from bench.fairness.quiet_user import Noticed
from bench.fairness.server import Server
from tests.server.tessera import open_tessera


def pairs(*rounds: tuple[float, float], login: tuple[float, float] = (0.1, 0.1)) -> list[Pair]:
    """Pairs with these pings, and the same logins in each."""
    return [Pair(Noticed(alone, login[0]), Noticed(attacked, login[1])) for alone, attacked in rounds]


STEADY = pairs((0.004, 0.005), (0.005, 0.004), (0.004, 0.004))


def test_an_attack_may_cost_three_times_the_quiet_time_and_the_noise() -> None:
    found = {
        NOBODY: STEADY,
        "fair": pairs((0.004, 0.012), (0.004, 0.0125), (0.004, 0.013), login=(0.1, 0.3)),
        "slow": pairs((0.004, 0.0131), (0.004, 0.0132), (0.004, 0.0133)),
        "logins": pairs((0.004, 0.004), login=(0.1, 0.31)),
    }
    assert unfair(found) == ["slow", "logins"]
    text = table(found)
    assert "noise between two quiet rounds: 1.0 ms for pings, 0.0 ms for logins" in text
    assert "(3.0-3.2)" in text


def test_rounds_are_compared_with_the_quiet_round_beside_them() -> None:
    """The load of the machine grows between the pairs, and one pair is an outlier."""
    growing = pairs((0.004, 0.008), (0.02, 0.04), (0.08, 0.16), (0.08, 0.9), (0.08, 0.16))
    assert unfair({NOBODY: STEADY, "growing": growing}) == []
    assert "   2.0   (2.0-11.2)" in table({NOBODY: STEADY, "growing": growing})


async def test_each_attack_runs_and_the_quiet_user_is_answered(database: str) -> None:
    plan = Plan(pairs=1, seconds=0.2, logins=1, settle_s=0.1)
    async with open_tessera(database) as tessera:
        found = await compare(Server(tessera.rest_url, tessera.ws_url), list(ATTACKS), plan)
    assert found.keys() == {NOBODY, *ATTACKS}
    rounds = [one for (pair,) in found.values() for one in (pair.alone, pair.attacked)]
    assert all(0 < one.ping_s < 5 and 0 < one.login_s < 5 for one in rounds)
