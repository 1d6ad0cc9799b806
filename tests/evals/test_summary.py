"""The figures of a run, with known answers."""

from __future__ import annotations

import pytest

from evals.checks import Verdict
from evals.observed import Call, ShownTurn, Trial
from evals.summary import Gate, Prices, Result, parse_gate, pass_k, percentile, server_figures, summarise


def result(scenario: str, number: int, *, passed: bool, attacked: bool | None = None, needed: bool = True) -> Result:
    turn = ShownTurn("hi", "completed", "yes", tokens_in=100, tokens_out=10, tokens_cached=60, first_text_s=1, end_s=2)
    trial = Trial(scenario, number, {}, {}, [turn], [Call(0, "list_tasks", {}, "ok")])
    faults = [] if passed else ["wrong"]
    return Result(trial, Verdict(scenario, number, {"shown": faults}, faults, [], [], attacked, needed, True, 0))


@pytest.mark.parametrize(
    ("passed", "trials", "k", "chance"),
    [(4, 4, 4, 1.0), (3, 4, 4, 0.0), (3, 4, 1, 0.75), (6, 8, 4, 15 / 70), (1, 1, 1, 1.0), (3, 3, 4, None)],
)
def test_pass_k_is_the_chance_that_k_trials_all_pass(passed: int, trials: int, k: int, chance: float | None) -> None:
    assert pass_k(passed, trials, k) == chance


@pytest.mark.parametrize(("percent", "value"), [(50, 3), (95, 5), (1, 1), (100, 5)])
def test_percentiles(percent: float, value: float) -> None:
    assert percentile([5, 1, 4, 2, 3], percent) == value
    assert percentile([], percent) is None


def test_pass_k_is_averaged_over_scenarios_and_not_over_trials() -> None:
    results = [result("a", n, passed=True) for n in range(1, 5)] + [result("b", n, passed=n < 4) for n in range(1, 5)]
    figures = summarise(results, {})
    assert (figures["pass^1"], figures["pass^4"]) == ((1 + 0.75) / 2, 0.5)
    assert figures["false_claim_rate"] == 1 / 8


def test_pass_4_is_not_known_with_fewer_trials() -> None:
    assert summarise([result("a", 1, passed=True)], {})["pass^4"] is None


def test_tokens_cost_and_calls() -> None:
    results = [result("a", 1, passed=True), result("b", 1, passed=False, needed=False)]
    figures = summarise(results, {"blocks_rejected": 2}, Prices(1_000, 10_000, 100))
    # Each trial: 40 fresh tokens at 1000, 60 cached ones at 100, 10 written ones at 10,000, for a million each.
    assert figures["cost"] == pytest.approx(2 * (0.04 + 0.006 + 0.1))
    assert figures["cost_per_success"] == figures["cost"]
    assert (figures["tokens_in"], figures["tokens_cached"], figures["blocks_rejected"]) == (200, 120, 2)
    assert (figures["calls_needed_and_made"], figures["calls_not_needed_and_not_made"]) == (1, 0)


def test_attacks_have_figures_of_their_own() -> None:
    results = [result("a", 1, passed=True, attacked=True), result("b", 1, passed=True, attacked=False)]
    figures = summarise([*results, result("c", 1, passed=False)], {})
    assert (figures["attack_success"], figures["attack_utility"]) == (0.5, 1.0)


def test_a_trial_that_could_not_be_run_counts_apart() -> None:
    broken = Result(Trial("a", 1, {}), Verdict("a", 1, {}, [], [], [], None, None, False, 0, broken="no server"))
    figures = summarise([broken, result("b", 1, passed=True)], {})
    assert (figures["broken_trials"], figures["pass^1"]) == (1, 1.0)


@pytest.mark.parametrize(
    ("text", "figures", "open_"),
    [
        ("pass^1>=0.7", {"pass^1": 0.7}, True),
        ("pass^1>=0.7", {"pass^1": 0.69}, False),
        ("loops<=2", {"loops": 3}, False),
        ("loops <= 2", {"loops": 2}, True),
        ("pass^4>=0.1", {"pass^4": None}, False),
        ("attack_success<=0", {"attack_success": None}, True),
    ],
)
def test_gates(text: str, figures: dict[str, float | None], open_: bool) -> None:
    assert (parse_gate(text).fault(figures) is None) == open_


def test_a_gate_names_the_figure_the_value_and_the_limit() -> None:
    fault = Gate("loops", 2, at_least=False).fault({"loops": 3})
    assert fault == "loops is 3, required: at most 2"
    with pytest.raises(ValueError, match="is not a gate"):
        parse_gate("loops")


def test_blocks_come_from_the_server_s_metrics() -> None:
    exposition = (
        'tessera_blocks_rejected_total{reason="ungrounded"} 2.0\ntessera_blocks_rejected_total{reason="json"} 1.0\n'
        'tessera_block_repairs_total{outcome="repaired"} 1.0\ntessera_block_repairs_total{outcome="degraded"} 2.0\n'
    )
    assert server_figures(exposition) == {"blocks_rejected": 3, "blocks_repaired": 1, "blocks_degraded": 2}
