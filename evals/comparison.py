"""Compares two runs, paired by scenario: the difference of the pass rates with a confidence interval, and a sign test.

Two totals hide that some scenarios are harder than others, so they need several times as many scenarios to show the
same difference.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

_SEED: Final = 11
_RESAMPLES: Final = 10_000


@dataclass(frozen=True, slots=True)
class Comparison:
    """`difference` is the mean of B - A over the scenarios, between -1 and 1. `low` and `high` hold 95 % of it.

    `better` and `worse` are the scenarios with a higher or lower rate in B. `p_value` is of the two-sided sign test.
    """

    scenarios: int
    rate_a: float
    rate_b: float
    difference: float
    low: float
    high: float
    better: list[str]
    worse: list[str]
    p_value: float

    @property
    def verdict(self) -> str:
        """What the interval allows to say."""
        if self.low > 0:
            return "B is better"
        return "B is worse" if self.high < 0 else "no difference is shown"


def sign_test(better: int, worse: int) -> float:
    """The chance of a split at least this uneven if both are equally likely. Ties are left out."""
    total = better + worse
    if total == 0:
        return 1.0
    tail = sum(math.comb(total, count) for count in range(min(better, worse) + 1))
    return min(1.0, 2 * tail / float(2**total))


def bootstrap(differences: Sequence[float], *, resamples: int = _RESAMPLES) -> tuple[float, float]:
    """The percentile interval of 95 % for the mean. The same differences give the same interval."""
    chooser = random.Random(_SEED)  # noqa: S311 - statistics, no secret
    size = len(differences)
    means = sorted(sum(chooser.choices(differences, k=size)) / size for _ in range(resamples))
    return means[int(0.025 * resamples)], means[int(0.975 * resamples) - 1]


def compare(a: Mapping[str, Any], b: Mapping[str, Any]) -> Comparison:
    """Compare two reports in the form of `report.json`. Raises `ValueError` if they have no common scenario."""
    rates_a, rates_b = _rates(a), _rates(b)
    common = sorted(rates_a.keys() & rates_b.keys())
    if not common:
        raise ValueError("the two reports have no scenario in common")
    differences = [rates_b[name] - rates_a[name] for name in common]
    better = [name for name in common if rates_b[name] > rates_a[name]]
    worse = [name for name in common if rates_b[name] < rates_a[name]]
    low, high = bootstrap(differences)
    return Comparison(
        len(common),
        sum(rates_a[name] for name in common) / len(common),
        sum(rates_b[name] for name in common) / len(common),
        sum(differences) / len(common),
        low,
        high,
        better,
        worse,
        sign_test(len(better), len(worse)),
    )


def comparison_table(found: Comparison, a: str, b: str) -> str:
    """The comparison as Markdown; `a` and `b` name the two models."""
    equal = found.scenarios - len(found.better) - len(found.worse)
    lines = [
        f"# {b} (B) compared with {a} (A)",
        "",
        f"{found.verdict}, from {found.scenarios} scenarios that both have.",
        "",
        "| figure | value |",
        "|---|---:|",
        f"| pass^1 of A | {found.rate_a:.1%} |",
        f"| pass^1 of B | {found.rate_b:.1%} |",
        f"| difference | {found.difference:+.1%} |",
        f"| 95 % interval | {found.low:+.1%} to {found.high:+.1%} |",
        f"| sign test, p | {found.p_value:.4f} |",
        f"| better / worse / equal | {len(found.better)} / {len(found.worse)} / {equal} |",
    ]
    for title, names in (("Better in B", found.better), ("Worse in B", found.worse)):
        if names:
            lines += ["", f"{title}:", "", *(f"- `{name}`" for name in names)]
    return "\n".join(lines) + "\n"


def _rates(report: Mapping[str, Any]) -> dict[str, float]:
    return {
        scenario["id"]: sum(trial["passed"] for trial in scenario["trials"]) / len(scenario["trials"])
        for scenario in report["scenarios"]
        if scenario["trials"]
    }
