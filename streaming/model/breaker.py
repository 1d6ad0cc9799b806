"""A circuit breaker: consecutive failures open it for a time, then one trial request is let through. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

State = Literal["closed", "open", "half-open"]


@dataclass(slots=True)
class CircuitBreaker:
    """Opens after `failures` consecutive failures, for `open_s` seconds. `now` is in seconds of one monotonic clock."""

    failures: int = 5
    open_s: float = 30.0
    _in_a_row: int = field(default=0, init=False)
    _open_until: float | None = field(default=None, init=False)
    _trial: Attempt | None = field(default=None, init=False)

    def state(self, now: float) -> State:
        """Closed: all calls pass. Open: no call passes. Half-open: one trial call at a time passes."""
        if self._open_until is None:
            return "closed"
        return "open" if now < self._open_until else "half-open"

    def admit(self, now: float) -> Attempt | None:
        """A call that may be made now, or None. A trial call counts as made."""
        state = self.state(now)
        if state == "closed":
            return Attempt(self)
        if state == "half-open" and self._trial is None:
            self._trial = Attempt(self)
            return self._trial
        return None

    def wait_s(self, now: float) -> float:
        """Seconds until a call may be made; 0 if one may be made now, or if a trial call is running."""
        return max(0.0, self._open_until - now) if self._open_until is not None else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Attempt:
    """One admitted call. After it comes `begin`, `fail` or `abandon`.

    After `begin` comes `succeed` or `fail`, or nothing if the answer is not read to its end.
    """

    _breaker: CircuitBreaker

    def begin(self) -> None:
        """The call is being answered: other calls pass again. Consecutive failures are counted until `succeed`."""
        self._breaker._open_until = None
        self._end_trial()

    def succeed(self) -> None:
        """The call ended well."""
        self.begin()
        self._breaker._in_a_row = 0

    def fail(self, now: float) -> None:
        """The call failed because of the model."""
        breaker = self._breaker
        breaker._in_a_row += 1
        if breaker._trial is self or breaker._in_a_row >= breaker.failures:
            breaker._open_until = now + breaker.open_s
        self._end_trial()

    def abandon(self) -> None:
        """The call ended for another reason than the model: it was cancelled, or the request was at fault."""
        self._end_trial()

    def _end_trial(self) -> None:
        # A call that was admitted before the breaker opened must not make room for a second trial call.
        if self._breaker._trial is self:
            self._breaker._trial = None
