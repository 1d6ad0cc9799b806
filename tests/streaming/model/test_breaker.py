"""The circuit breaker: its states over time."""

from __future__ import annotations

from streaming.model.breaker import CircuitBreaker


def opened() -> CircuitBreaker:
    """Open from 0 to 30."""
    breaker = CircuitBreaker(failures=2, open_s=30)
    for _ in range(2):
        assert breaker.admit(0)
        breaker.fail(0)
    return breaker


def test_consecutive_failures_open_it() -> None:
    breaker = opened()
    assert breaker.state(29.9) == "open"
    assert not breaker.admit(29.9)
    assert breaker.wait_s(10) == 20


def test_a_success_between_failures_keeps_it_closed() -> None:
    breaker = CircuitBreaker(failures=2)
    for _ in range(5):
        breaker.fail(0)
        breaker.begin()
        breaker.succeed()
    assert breaker.state(0) == "closed"
    assert breaker.wait_s(0) == 0


def test_answers_that_begin_and_break_off_open_it_too() -> None:
    breaker = CircuitBreaker(failures=2)
    for _ in range(2):
        breaker.begin()
        breaker.fail(0)
    assert breaker.state(0) == "open"


def test_half_open_lets_one_through_and_closes_when_it_is_answered() -> None:
    breaker = opened()
    assert breaker.state(30) == "half-open"
    assert breaker.admit(30)
    assert not breaker.admit(30)
    breaker.begin()
    assert breaker.admit(30)


def test_half_open_opens_again_when_the_one_fails() -> None:
    breaker = opened()
    breaker.admit(30)
    breaker.fail(31)
    assert not breaker.admit(60.9)
    assert breaker.admit(61)


def test_half_open_lets_another_through_when_the_one_was_cancelled() -> None:
    breaker = opened()
    breaker.admit(30)
    breaker.abandon()
    assert breaker.admit(30)


def test_a_failed_trial_request_opens_the_breaker_again() -> None:
    breaker = opened()
    breaker.admit(30)
    breaker.begin()
    breaker.fail(40)
    assert breaker.state(40) == "open"
    breaker.succeed()
    breaker.fail(41)
    assert breaker.state(41) == "closed"
