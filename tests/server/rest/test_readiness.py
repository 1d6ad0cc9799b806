"""Readiness checks run concurrently, with a time limit, and report no internal details."""

from __future__ import annotations

import structlog
import trio
from trio.testing import MockClock

from server.rest.readiness import ReadinessChecks


async def well() -> str | None:
    return None


async def ill() -> str | None:
    return "two migrations are missing"


async def stuck() -> str | None:
    await trio.sleep_forever()
    raise AssertionError


async def broken() -> str | None:
    raise OSError("password authentication failed for hunter2")


async def test_each_check_reports_its_own_outcome(autojump_clock: MockClock) -> None:
    checks = ReadinessChecks(
        {"well": well, "stuck": stuck, "ill": ill, "stuck too": stuck, "broken": broken}, timeout_s=2
    )
    started = trio.current_time()
    with structlog.testing.capture_logs() as logs:
        outcomes = await checks()
    assert list(outcomes) == ["well", "stuck", "ill", "stuck too", "broken"]
    assert outcomes == {
        "well": None,
        "stuck": "no answer within 2 s",
        "ill": "two migrations are missing",
        "stuck too": "no answer within 2 s",
        "broken": "failed; the log has the error",
    }
    assert trio.current_time() - started == 2
    assert [entry["check"] for entry in logs] == ["broken"]
