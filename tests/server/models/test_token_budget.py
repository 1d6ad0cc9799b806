"""Tokens per user and day."""

from __future__ import annotations

from uuid import uuid4

from server.models.token_budget import TokenBudget

ANN, BEN = uuid4(), uuid4()
DAY = 86_400.0


def test_a_budget_is_spent_per_user_and_renewed_at_midnight_utc() -> None:
    budget = TokenBudget(100)
    budget.spend(ANN, 60, DAY)
    assert budget.open(ANN, DAY)
    budget.spend(ANN, 60, 2 * DAY - 1)  # beyond: the request had begun
    assert not budget.open(ANN, 2 * DAY - 1)
    assert budget.open(BEN, 2 * DAY - 1)
    assert budget.open(ANN, 2 * DAY)


def test_a_clock_that_steps_back_gives_nothing_out_again() -> None:
    budget = TokenBudget(100)
    budget.spend(ANN, 100, 3 * DAY)
    assert not budget.open(ANN, 2 * DAY)
    assert not budget.open(ANN, 3 * DAY + 1)


def test_without_a_limit_nothing_is_counted() -> None:
    budget = TokenBudget(None)
    budget.spend(ANN, 10**12, 0)
    assert budget.open(ANN, 0)
