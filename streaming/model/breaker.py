"""A circuit breaker: consecutive failures open it for a time, then one trial request is let through. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

State = Literal["closed", "open", "half-open"]


@dataclass(slots=True)
class CircuitBreaker:
    """Opens after `failures` consecutive failures, for `open_s` seconds. `now` is in seconds of one monotonic clock.

    After each admitted call comes `begin`, `fail` or `abandon`. After `begin` comes `succeed` or `fail`, or nothing if
    the answer is not read to its end.
    """

    failures: int = 5
    open_s: float = 30.0
    _in_a_row: int = field(default=0, init=False)
    _open_until: float | None = field(default=None, init=False)
    _probing: bool = field(default=False, init=False)

    def state(self, now: float) -> State:
        """Closed: all calls pass. Open: no call passes. Half-open: one trial call passes."""
        if self._open_until is None:
            return "closed"
        return "open" if now < self._open_until else "half-open"

    def admit(self, now: float) -> bool:
        """Whether a call may be made now; a trial call counts as made."""
        state = self.state(now)
        if state == "half-open" and not self._probing:
            self._probing = True
            return True
        return state == "closed"

    def begin(self) -> None:
        """The call is being answered: other calls pass again. Consecutive failures are counted until `succeed`."""
        self._open_until = None
        self._probing = False

    def succeed(self) -> None:
        """The call ended well."""
        self.begin()
        self._in_a_row = 0

    def fail(self, now: float) -> None:
        """The call failed because of the model."""
        self._in_a_row += 1
        if self._probing or self._in_a_row >= self.failures:
            self._open_until = now + self.open_s
        self._probing = False

    def abandon(self) -> None:
        """The call ended for another reason than the model: it was cancelled, or the request was at fault."""
        self._probing = False

    def wait_s(self, now: float) -> float:
        """Seconds until a call may be made; 0 if one may be made now, or if a trial call is running."""
        return max(0.0, self._open_until - now) if self._open_until is not None else 0.0
