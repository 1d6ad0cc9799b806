"""Readiness of the server: named checks that run concurrently, each with a time limit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import structlog
import trio

log = structlog.get_logger(__name__)

Check = Callable[[], Awaitable[str | None]]
"""Returns None if the check passes, else a sentence about the failure without secrets."""


class ReadinessChecks:
    """Runs all checks. A check fails if it raises or takes longer than `timeout_s` seconds."""

    def __init__(self, checks: Mapping[str, Check], *, timeout_s: float = 2.0) -> None:
        self._checks = dict(checks)
        self._timeout_s = timeout_s

    async def __call__(self) -> dict[str, str | None]:
        """The outcome of each check by name, in the given order."""
        outcomes: dict[str, str | None] = dict.fromkeys(self._checks)
        async with trio.open_nursery() as nursery:
            for name, check in self._checks.items():
                nursery.start_soon(self._run, name, check, outcomes)
        return outcomes

    async def _run(self, name: str, check: Check, outcomes: dict[str, str | None]) -> None:
        try:
            with trio.fail_after(self._timeout_s):
                outcomes[name] = await check()
        except trio.TooSlowError:
            outcomes[name] = f"no answer within {self._timeout_s:g} s"
        except Exception:
            # The boundary of one check: any error is reported as its failure.
            log.warning("readiness_check_failed", check=name, exc_info=True)
            outcomes[name] = "failed; the log has the error"
