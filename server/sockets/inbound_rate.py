"""How many frames one socket may send, and when it has gone too far."""

from __future__ import annotations

from typing import Final, Literal

from server.net import TokenBucket

# A socket that goes on sending this many frames over its rate is closed with 1008.
MAX_VIOLATIONS: Final = 1000


class InboundRate:
    """`per_s` frames a second, `burst` at once; and beside them one for each question that was put to the device."""

    __slots__ = ("_answers_due", "_bucket", "_violations")

    def __init__(self, per_s: float, burst: int) -> None:
        self._bucket = TokenBucket(per_s, burst)
        self._answers_due = 0
        self._violations = 0

    def expect_answer(self) -> None:
        """A question went out: the frame that answers it is allowed for."""
        self._answers_due += 1

    def take(self, now: float) -> Literal["read", "refuse", "close"]:
        """What becomes of a frame that came now, in seconds of a monotonic clock."""
        if self._bucket.take(now):
            return "read"
        if self._answers_due > 0:
            self._answers_due -= 1
            return "read"
        self._violations += 1
        return "close" if self._violations >= MAX_VIOLATIONS else "refuse"
