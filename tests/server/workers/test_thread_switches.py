"""A computing thread gives the interpreter back soon."""

from __future__ import annotations

import sys

import pytest

from server.workers.thread_switches import SWITCH_INTERVAL_S, hasten_thread_switches


def test_the_event_loop_waits_for_a_computing_thread_for_less_than_a_tenth_of_a_millisecond() -> None:
    before = sys.getswitchinterval()
    try:
        hasten_thread_switches()
        assert sys.getswitchinterval() == pytest.approx(SWITCH_INTERVAL_S)
        assert SWITCH_INTERVAL_S <= 0.0001
    finally:
        sys.setswitchinterval(before)
