"""The rate limit on the frames that one socket sends."""

from __future__ import annotations

from typing import Final, Literal

from server.net import TokenBucket

# A socket that has sent this many frames over its rate is closed with 1008.
MAX_VIOLATIONS: Final = 1000

# A small burst must not refuse the answers to calls that were sent together.
MIN_ALLOWANCES: Final = 64


class InboundRate:
    """Allows `per_s` frames a second with bursts of `burst`, and one more frame for each call to the device.

    The next frames use the calls' allowances first. At most `burst` allowances are kept, but always `MIN_ALLOWANCES`.
    """

    __slots__ = ("_answers_due", "_bucket", "_max_answers_due", "_violations")

    def __init__(self, per_s: float, burst: int) -> None:
        self._bucket = TokenBucket(per_s, burst)
        self._max_answers_due = max(burst, MIN_ALLOWANCES)
        self._answers_due = 0
        self._violations = 0

    def expect_answer(self) -> None:
        """A call was sent to the device: allow the frame that answers it."""
        self._answers_due = min(self._answers_due + 1, self._max_answers_due)

    def take(self, now: float) -> Literal["read", "refuse", "close"]:
        """What to do with a frame that arrived at `now`, in seconds of a monotonic clock."""
        # Spent before the bucket: an allowance that the bucket covered would otherwise last for ever.
        if self._answers_due > 0:
            self._answers_due -= 1
            return "read"
        if self._bucket.take(now):
            return "read"
        self._violations += 1
        return "close" if self._violations >= MAX_VIOLATIONS else "refuse"
