"""Whether the server can do its work now: named checks, run at once, each in bounded time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import structlog
import trio

log = structlog.get_logger(__name__)

Check = Callable[[], Awaitable[str | None]]
"""None when it passes, else a sentence that says what is wrong and may be shown to anybody."""


class ReadinessChecks:
    """Runs all checks; a check that raises or takes longer than `timeout_s` has failed."""

    def __init__(self, checks: Mapping[str, Check], *, timeout_s: float = 2.0) -> None:
        self._checks = dict(checks)
        self._timeout_s = timeout_s

    async def __call__(self) -> dict[str, str | None]:
        """The outcome of each check by name, in the order in which they were given."""
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
            # The border of one check: whatever is wrong with it is what it reports.
            log.warning("readiness_check_failed", check=name, exc_info=True)
            outcomes[name] = "failed; the log says why"
