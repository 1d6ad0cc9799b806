"""The rate limit on a socket's frames, and its allowances for answers to calls."""

from __future__ import annotations

from server.sockets.inbound_rate import MAX_VIOLATIONS, InboundRate


def frames_read(rate: InboundRate, count: int, now: float) -> int:
    return [rate.take(now) for _ in range(count)].count("read")


def test_a_burst_is_read_and_then_the_sustained_rate() -> None:
    rate = InboundRate(50, 200)
    assert frames_read(rate, 500, 0) == 200
    assert frames_read(rate, 500, 1) == 50


def test_each_call_allows_one_more_frame() -> None:
    rate = InboundRate(50, 200)
    for _ in range(30):
        rate.expect_answer()
    assert frames_read(rate, 500, 0) == 230


def test_allowances_of_answered_calls_do_not_pile_up() -> None:
    rate, now = InboundRate(50, 200), 0.0
    for _ in range(3000):
        rate.expect_answer()
        assert rate.take(now) == "read"
        now += 1
    assert frames_read(rate, 900, now) == 200


def test_allowances_of_unanswered_calls_are_bounded_by_the_burst() -> None:
    rate = InboundRate(50, 200)
    for _ in range(3000):
        rate.expect_answer()
    assert frames_read(rate, 900, 0) == 400


def test_a_small_burst_does_not_refuse_the_answers_to_calls_that_were_sent_together() -> None:
    rate = InboundRate(0.001, 1)
    for _ in range(5):
        rate.expect_answer()
    assert frames_read(rate, 10, 0) == 6


def test_a_socket_that_keeps_sending_is_closed() -> None:
    rate = InboundRate(1, 1)
    assert [rate.take(0) for _ in range(MAX_VIOLATIONS + 1)] == ["read", *["refuse"] * (MAX_VIOLATIONS - 1), "close"]
