"""A clock for tests that do real I/O and wait for long times."""

from __future__ import annotations

import pytest
from trio.testing import MockClock


@pytest.fixture
def jump_clock() -> MockClock:
    """Runs as a clock does, so that `fail_after` still guards a test, and jumps when the test says so."""
    return MockClock(rate=1)
