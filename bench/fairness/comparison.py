"""Pairs of a quiet round and a round with an attack, what they say, and the table of it.

The rounds of a pair follow each other, so that both see the same load of the machine. Numbers are medians of the pairs.

The limit is three times, plus the noise that is measured in the same run: the median difference of two quiet rounds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from statistics import median
from typing import Final
from uuid import uuid4

import trio

from bench.fairness.attacks import Attacker, attacker
from bench.fairness.quiet_user import Noticed, new_user
from bench.fairness.server import Server, ready

LIMIT: Final = 3.0
NOBODY: Final = "nobody"
"""Pairs of two quiet rounds: how much the measurements differ without an attack."""

_HEAD: Final = (
    f"{'beside':<16} {'ping p99 alone':>14} {'attacked':>9} {'times':>6} {'(spread)':>12}"
    f" {'login alone':>12} {'attacked':>9} {'times':>6} {'(spread)':>12}"
)


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured: `pairs` of rounds of `seconds` for each attack, with `logins` logins in a round."""

    pairs: int = 5
    seconds: float = 4.0
    logins: int = 3
    settle_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Pair:
    """Two rounds, one after the other."""

    alone: Noticed
    attacked: Noticed


@dataclass(frozen=True, slots=True)
class Change:
    """Seconds without and with the attack, one number for each pair."""

    alone: Sequence[float]
    attacked: Sequence[float]

    @property
    def times(self) -> list[float]:
        """How many times as long as without the attack, for each pair, sorted."""
        return sorted(attacked / alone for alone, attacked in zip(self.alone, self.attacked, strict=True))

    @property
    def noise_s(self) -> float:
        """The median difference between the two rounds of a pair, if neither has an attack."""
        return median(abs(attacked - alone) for alone, attacked in zip(self.alone, self.attacked, strict=True))

    def is_fair(self, noise_s: float) -> bool:
        """Whether half of the pairs take at most `LIMIT` times as long with the attack, plus `noise_s`."""
        over = (attacked - LIMIT * alone for alone, attacked in zip(self.alone, self.attacked, strict=True))
        return median(over) <= noise_s

    def cells(self, unit: str, scale: float) -> str:
        """The medians and the spread, as a part of a row."""
        times = self.times
        spread = f"({times[0]:.1f}-{times[-1]:.1f})"
        alone, attacked = (f"{median(part) * scale:.1f} {unit}" for part in (self.alone, self.attacked))
        return f"{alone:>12} {attacked:>11} {median(times):>6.1f} {spread:>12}"


def pings(pairs: Sequence[Pair]) -> Change:
    """The pings of the pairs."""
    return Change([pair.alone.ping_s for pair in pairs], [pair.attacked.ping_s for pair in pairs])


def logins(pairs: Sequence[Pair]) -> Change:
    """The logins of the pairs."""
    return Change([pair.alone.login_s for pair in pairs], [pair.attacked.login_s for pair in pairs])


async def compare(server: Server, names: Sequence[str], plan: Plan) -> dict[str, list[Pair]]:
    """The pairs of each attack, and those of `NOBODY`, which have two quiet rounds."""
    await ready(server)
    await (await new_user(server)).notices(min(plan.seconds, 2.0), 1)  # the first requests load and compile
    async with attacker(server) as abusive:
        return {name: await _pairs(server, abusive, name, plan) for name in (NOBODY, *names)}


async def _pairs(server: Server, abusive: Attacker, name: str, plan: Plan) -> list[Pair]:
    # One user per pair, registered before the attack: the logins of one user would reach the limit of an account.
    users = [await new_user(server) for _ in range(plan.pairs)]
    token = (await server.post("register", f"abusive.{uuid4().hex}@example.com"))["access_token"]
    found = []
    for user in users:
        alone = await user.notices(plan.seconds, plan.logins)
        async with nullcontext() if name == NOBODY else abusive.attacking(name, token):
            await trio.sleep(plan.settle_s)
            found.append(Pair(alone, await user.notices(plan.seconds, plan.logins)))
        await trio.sleep(plan.settle_s)
    return found


def unfair(found: Mapping[str, Sequence[Pair]]) -> list[str]:
    """The attacks during which the quiet user waited too long. `found` also has the pairs of `NOBODY`."""
    ping_noise_s, login_noise_s = pings(found[NOBODY]).noise_s, logins(found[NOBODY]).noise_s
    return [
        name
        for name, pairs in found.items()
        if name != NOBODY and not (pings(pairs).is_fair(ping_noise_s) and logins(pairs).is_fair(login_noise_s))
    ]


def table(found: Mapping[str, Sequence[Pair]]) -> str:
    """A row for each attack, and the noise that is allowed."""
    rows = [
        f"{name:<16} {pings(pairs).cells('ms', 1e3)} {logins(pairs).cells('ms', 1e3)}" for name, pairs in found.items()
    ]
    noise = [f"{change.noise_s * 1e3:.1f} ms for {what}" for what, change in _measured(found[NOBODY])]
    return "\n".join([_HEAD, *rows, f"noise between two quiet rounds: {', '.join(noise)}"])


def _measured(pairs: Sequence[Pair]) -> list[tuple[str, Change]]:
    return [("pings", pings(pairs)), ("logins", logins(pairs))]
