"""A circuit breaker: after failures in a row a model is left alone for a while, then tried by one request. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

State = Literal["closed", "open", "half-open"]


@dataclass(slots=True)
class CircuitBreaker:
    """Opens after `failures` in a row, for `open_s` seconds. `now` is in seconds of one monotonic clock throughout.

    Each call that `admit` lets through is followed by `begin`, `fail` or `abandon`, and `begin` by `succeed` or `fail`,
    or by nothing when the answer is left unread.
    """

    failures: int = 5
    open_s: float = 30.0
    _in_a_row: int = field(default=0, init=False)
    _open_until: float | None = field(default=None, init=False)
    _probing: bool = field(default=False, init=False)

    def state(self, now: float) -> State:
        """Closed: all may call. Open: none. Half-open: one may, to find out."""
        if self._open_until is None:
            return "closed"
        return "open" if now < self._open_until else "half-open"

    def admit(self, now: float) -> bool:
        """Whether a call may be made now."""
        state = self.state(now)
        if state == "half-open" and not self._probing:
            self._probing = True
            return True
        return state == "closed"

    def begin(self) -> None:
        """The call is being answered: others may call again. Failures in a row go on counting until `succeed`."""
        self._open_until = None
        self._probing = False

    def succeed(self) -> None:
        """The call ended well."""
        self.begin()
        self._in_a_row = 0

    def fail(self, now: float) -> None:
        """The call failed in a way that speaks against the model."""
        self._in_a_row += 1
        if self._probing or self._in_a_row >= self.failures:
            self._open_until = now + self.open_s
        self._probing = False

    def abandon(self) -> None:
        """The call ended without saying anything about the model: it was cancelled, or the request was at fault."""
        self._probing = False

    def wait_s(self, now: float) -> float:
        """Seconds until a call may be made; 0 when one may now, or when that depends on the one under way."""
        return max(0.0, self._open_until - now) if self._open_until is not None else 0.0
