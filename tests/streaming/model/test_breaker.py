"""The circuit breaker: its states over time."""

from __future__ import annotations

from streaming.model.breaker import Attempt, CircuitBreaker


def admitted(breaker: CircuitBreaker, now: float) -> Attempt:
    attempt = breaker.admit(now)
    assert attempt is not None
    return attempt


def opened() -> CircuitBreaker:
    """Open from 0 to 30."""
    breaker = CircuitBreaker(failures=2, open_s=30)
    for _ in range(2):
        admitted(breaker, 0).fail(0)
    return breaker


def test_consecutive_failures_open_it() -> None:
    breaker = opened()
    assert breaker.state(29.9) == "open"
    assert not breaker.admit(29.9)
    assert breaker.wait_s(10) == 20


def test_a_success_between_failures_keeps_it_closed() -> None:
    breaker = CircuitBreaker(failures=2)
    for _ in range(5):
        admitted(breaker, 0).fail(0)
        attempt = admitted(breaker, 0)
        attempt.begin()
        attempt.succeed()
    assert breaker.state(0) == "closed"
    assert breaker.wait_s(0) == 0


def test_answers_that_begin_and_break_off_open_it_too() -> None:
    breaker = CircuitBreaker(failures=2)
    for _ in range(2):
        attempt = admitted(breaker, 0)
        attempt.begin()
        attempt.fail(0)
    assert breaker.state(0) == "open"


def test_half_open_lets_one_through_and_closes_when_it_is_answered() -> None:
    breaker = opened()
    assert breaker.state(30) == "half-open"
    trial = admitted(breaker, 30)
    assert not breaker.admit(30)
    trial.begin()
    assert breaker.admit(30)


def test_half_open_opens_again_when_the_one_fails() -> None:
    breaker = opened()
    admitted(breaker, 30).fail(31)
    assert not breaker.admit(60.9)
    assert breaker.admit(61)


def test_half_open_lets_another_through_when_the_one_was_cancelled() -> None:
    breaker = opened()
    admitted(breaker, 30).abandon()
    assert breaker.admit(30)


def test_an_older_call_that_is_cancelled_or_fails_lets_no_second_trial_request_through() -> None:
    breaker = CircuitBreaker(failures=2, open_s=30)
    cancelled, failing = admitted(breaker, 0), admitted(breaker, 0)
    for _ in range(2):
        admitted(breaker, 0).fail(0)
    trial = admitted(breaker, 31)
    cancelled.abandon()
    assert not breaker.admit(31)
    failing.fail(32)
    assert not breaker.admit(62)
    trial.begin()
    assert breaker.admit(62)


def test_a_failed_trial_request_opens_the_breaker_again() -> None:
    breaker = opened()
    trial = admitted(breaker, 30)
    trial.begin()
    trial.fail(40)
    assert breaker.state(40) == "open"
    trial.succeed()
    admitted(breaker, 41).fail(41)
    assert breaker.state(41) == "closed"
