"""Log lines that a client can cause: one per second and cause, with a count."""

from __future__ import annotations

from typing import Any

from trio import sleep
from trio.testing import MockClock

from server.telemetry.log_rate import _MAX_CAUSES, LogRate

Line = tuple[str, dict[str, Any]]


def recorder() -> tuple[list[Line], Any]:
    lines: list[Line] = []

    def write(event: str, **fields: Any) -> None:
        lines.append((event, fields))

    return lines, write


async def test_a_cause_is_logged_once_a_second_with_how_often_it_happened(autojump_clock: MockClock) -> None:
    rate, (lines, write) = LogRate(), recorder()
    for _ in range(500):
        rate.log(write, "frame_refused", "ann", code="rate_limited")
    rate.log(write, "frame_refused", "ben", code="rate_limited")
    rate.log(write, "other", "ann")
    assert lines == [
        ("frame_refused", {"count": 1, "code": "rate_limited"}),
        ("frame_refused", {"count": 1, "code": "rate_limited"}),
        ("other", {"count": 1}),
    ]
    await sleep(1)
    rate.log(write, "frame_refused", "ann", code="rate_limited")
    assert lines[3:] == [("frame_refused", {"count": 500, "code": "rate_limited"})]
    await sleep(1)
    rate.log(write, "frame_refused", "ann", code="rate_limited")
    assert lines[4:] == [("frame_refused", {"count": 1, "code": "rate_limited"})]


async def test_causes_that_clients_invent_do_not_fill_the_memory(autojump_clock: MockClock) -> None:
    rate, (lines, write) = LogRate(), recorder()
    for number in range(3 * _MAX_CAUSES):
        rate.log(write, "handshake_failed", str(number))
    assert len(rate._causes) <= _MAX_CAUSES
    assert len(lines) == 3 * _MAX_CAUSES
