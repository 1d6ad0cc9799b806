"""Comparing two runs, with known answers."""

from __future__ import annotations

from typing import Any

import pytest

from evals.comparison import bootstrap, compare, comparison_table, sign_test


def report(**rates: tuple[int, int]) -> dict[str, Any]:
    """A report with `passed` of `trials` for each scenario."""
    return {
        "scenarios": [
            {"id": name, "trials": [{"passed": number < passed} for number in range(trials)]}
            for name, (passed, trials) in rates.items()
        ]
    }


@pytest.mark.parametrize(
    ("better", "worse", "p_value"),
    [(5, 0, 2 / 32), (0, 6, 2 / 64), (9, 1, 2 * 11 / 1024), (1, 1, 1.0), (0, 0, 1.0), (8, 2, 2 * 56 / 1024)],
)
def test_the_sign_test_is_the_exact_binomial_test(better: int, worse: int, p_value: float) -> None:
    assert sign_test(better, worse) == pytest.approx(p_value)


def test_equal_differences_have_an_interval_without_width() -> None:
    assert bootstrap([0.25] * 10, resamples=200) == (0.25, 0.25)


def test_the_interval_of_a_coin_is_that_of_the_binomial_distribution() -> None:
    # The mean of 100 values of 0 or 1 has a standard error of 0.05, so 95 % is 0.5 +- 0.098.
    low, high = bootstrap([0.0, 1.0] * 50)
    assert low == pytest.approx(0.402, abs=0.012)
    assert high == pytest.approx(0.598, abs=0.012)


def test_runs_are_paired_by_scenario() -> None:
    a = report(**{f"s{n}": (0 if n < 12 else 4, 4) for n in range(20)}, only_a=(4, 4))
    b = report(**{f"s{n}": (4, 4) for n in range(20)}, only_b=(0, 4))
    found = compare(a, b)
    assert (found.scenarios, found.rate_a, found.rate_b) == (20, 0.4, 1.0)
    assert found.difference == pytest.approx(0.6)
    assert len(found.better) == 12
    assert found.worse == []
    assert found.p_value == pytest.approx(2 / 2**12)
    assert found.verdict == "B is better"
    assert compare(b, a).verdict == "B is worse"


def test_a_small_difference_is_not_called_one() -> None:
    a = report(a=(1, 4), b=(3, 4), c=(2, 4), d=(4, 4))
    b = report(a=(3, 4), b=(1, 4), c=(3, 4), d=(4, 4))
    found = compare(a, b)
    assert found.low < 0 < found.high
    assert "no difference is shown" in comparison_table(found, "A", "B")


def test_reports_without_a_common_scenario_are_refused() -> None:
    with pytest.raises(ValueError, match="no scenario in common"):
        compare(report(a=(1, 1)), report(b=(1, 1)))
