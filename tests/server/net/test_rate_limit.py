"""Token buckets against a model with exact arithmetic, and the bound on the limiter's keys."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.net.rate_limit import RateLimiter, TokenBucket


def test_a_burst_then_the_rate() -> None:
    bucket = TokenBucket(rate_per_s=2, burst=3)
    assert [bucket.take(10.0) for _ in range(4)] == [True, True, True, False]
    assert bucket.wait_s(10.0) == pytest.approx(0.5)
    assert not bucket.take(10.25)
    assert bucket.take(10.5)
    assert not bucket.take(10.5)


def test_idle_time_refills_at_most_the_burst() -> None:
    bucket = TokenBucket(rate_per_s=100, burst=2)
    assert bucket.take(0.0)
    assert [bucket.take(1000.0) for _ in range(3)] == [True, True, False]


def test_a_clock_that_steps_back_gives_and_takes_nothing() -> None:
    bucket = TokenBucket(rate_per_s=1, burst=1)
    assert bucket.take(100.0)
    assert not bucket.take(50.0)
    assert not bucket.take(100.5)
    assert bucket.take(101.0)


@given(
    rate=st.integers(1, 64),
    burst=st.integers(1, 20),
    # In 64ths of a second, which floats represent exactly.
    steps=st.lists(st.integers(0, 256), max_size=80),
)
def test_agrees_with_exact_arithmetic(rate: int, burst: int, steps: list[int]) -> None:
    bucket = TokenBucket(rate, burst)
    tokens, now = Fraction(burst), Fraction(0)
    bucket.is_full(0.0)
    for step in steps:
        elapsed = Fraction(step, 64)
        now += elapsed
        tokens = min(Fraction(burst), tokens + elapsed * rate)
        expected = tokens >= 1
        assert bucket.take(float(now)) is expected
        tokens -= expected


@pytest.mark.parametrize(("rate", "burst"), [(0, 1), (-1, 1), (float("nan"), 1), (1, 0), (1, 0.5)])
def test_invalid_limits_are_refused(rate: float, burst: float) -> None:
    with pytest.raises(ValueError, match="rate"):
        TokenBucket(rate, burst)
    with pytest.raises(ValueError, match="rate"):
        RateLimiter(rate, burst)


def test_keys_do_not_share_tokens() -> None:
    limiter = RateLimiter(rate_per_s=1, burst=1)
    assert limiter.take("a", 0.0) == 0
    assert limiter.take("b", 0.0) == 0
    assert limiter.take("a", 0.25) == pytest.approx(0.75)


def test_keys_with_a_full_bucket_are_evicted() -> None:
    limiter = RateLimiter(rate_per_s=1, burst=2)
    for key in "abc":
        limiter.take(key, 0.0)
    limiter.take("d", 1.0)
    assert len(limiter) == 1


def test_the_least_recently_used_key_is_evicted_at_the_limit() -> None:
    limiter = RateLimiter(rate_per_s=0.001, burst=1, max_keys=2)
    for key in ("a", "b"):
        assert limiter.take(key, 0.0) == 0
    assert limiter.take("a", 0.1) > 0  # used again, so b is now the oldest
    assert limiter.take("c", 0.2) == 0
    assert len(limiter) == 2
    assert limiter.take("a", 0.3) > 0
    assert limiter.take("b", 0.4) == 0  # evicted, so it starts with a full bucket


def test_a_limit_of_no_keys_is_refused() -> None:
    with pytest.raises(ValueError, match="max_keys"):
        RateLimiter(1, 1, max_keys=0)
