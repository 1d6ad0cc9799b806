"""When a failed model call is retried: backoff with jitter, and the provider's Retry-After. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from streaming.model.errors import ModelError
from streaming.wire import ErrorCode


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often one model is called for one answer, and the wait between calls. Times are in seconds.

    The wait before retry n (from 0) is random, between 0 and the lesser of `cap_s` and `base_s` times 2 to the n:
    requests that failed together must not be retried together. The wait is never shorter than a provider's
    `Retry-After`; if that is longer than `max_retry_after_s`, the call is not repeated.
    """

    attempts: int = 3
    base_s: float = 0.5
    cap_s: float = 8.0
    max_retry_after_s: float = 15.0

    def delay_s(self, error: ModelError, attempts_made: int, random: Callable[[], float]) -> float | None:
        """Seconds to wait before the retry, or None: no retry with this model. `random` returns a number in [0, 1)."""
        # A model that did not answer within its time limit is not retried: the time is better spent on the next model.
        if attempts_made >= self.attempts or not error.retryable or error.code is ErrorCode.MODEL_TIMEOUT:
            return None
        jitter = random() * min(self.cap_s, self.base_s * 2.0 ** (attempts_made - 1))
        if error.retry_after_s is None:
            return jitter
        return error.retry_after_s + jitter if error.retry_after_s <= self.max_retry_after_s else None
