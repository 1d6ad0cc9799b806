"""When a model that failed is asked again: backoff with jitter, and what the provider asked for. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from streaming.model.errors import ModelError
from streaming.wire import ErrorCode


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often one model is asked for one answer, and how long is waited in between. Times are in seconds.

    Before retry number n, from 0, between nothing and `base_s` times 2 to the n is waited, at most `cap_s`, at random:
    many requests that failed together must not come back together. A provider's `Retry-After` is the least; one beyond
    `max_retry_after_s` means that asking again is no use now.
    """

    attempts: int = 3
    base_s: float = 0.5
    cap_s: float = 8.0
    max_retry_after_s: float = 15.0

    def delay_s(self, error: ModelError, attempts_made: int, random: Callable[[], float]) -> float | None:
        """Seconds to wait before asking again, or None: give this model up. `random` gives a number in [0, 1)."""
        # Who was silent for a whole deadline is not given another one: that time is better spent on another model.
        if attempts_made >= self.attempts or not error.retryable or error.code is ErrorCode.MODEL_TIMEOUT:
            return None
        jitter = random() * min(self.cap_s, self.base_s * 2.0 ** (attempts_made - 1))
        if error.retry_after_s is None:
            return jitter
        return error.retry_after_s + jitter if error.retry_after_s <= self.max_retry_after_s else None
