"""Token buckets: a sustained rate with a burst on top. Pure; the caller passes the time in.

`TokenBucket` limits one source, such as a socket's frames. `RateLimiter` holds one bucket per key, such as a client
address, in bounded memory.
"""

from __future__ import annotations

from collections import OrderedDict


class TokenBucket:
    """Holds at most `burst` tokens, refilled at `rate_per_s`; starts full. `now` is in seconds of a monotonic clock."""

    __slots__ = ("_burst", "_rate", "_tokens", "_updated")

    def __init__(self, rate_per_s: float, burst: float) -> None:
        if not (rate_per_s > 0 and burst >= 1):
            raise ValueError("a bucket needs a rate above 0 and a burst of at least 1")
        self._rate = rate_per_s
        self._burst = float(burst)
        self._tokens = float(burst)
        self._updated: float | None = None

    def take(self, now: float) -> bool:
        """Take one token. False, and nothing taken, when there is none."""
        self._refill(now)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def wait_s(self, now: float) -> float:
        """Seconds until a token will be there; 0 when one is."""
        self._refill(now)
        return max(0.0, (1 - self._tokens) / self._rate)

    def is_full(self, now: float) -> bool:
        """Whether the bucket has forgotten everything that was taken."""
        self._refill(now)
        return self._tokens >= self._burst

    def _refill(self, now: float) -> None:
        # A clock that steps back must not take tokens away.
        if self._updated is not None and now > self._updated:
            self._tokens = min(self._burst, self._tokens + (now - self._updated) * self._rate)
        if self._updated is None or now > self._updated:
            self._updated = now


class RateLimiter:
    """One bucket per key, at most `max_keys` of them: when there are more, the key unused for longest is forgotten.

    A forgotten key starts with a full bucket again, so `max_keys` should be far above the number of keys that one
    source can name in the time a bucket takes to refill.
    """

    def __init__(self, rate_per_s: float, burst: float, *, max_keys: int = 10_000) -> None:
        if max_keys < 1:
            raise ValueError("max_keys must be at least 1")
        TokenBucket(rate_per_s, burst)  # a wrong rate fails here, not at the first request
        self._rate = rate_per_s
        self._burst = burst
        self._max_keys = max_keys
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, key: str, now: float) -> float:
        """Take one token of `key`. Returns 0 when there was one, else the seconds until there will be."""
        bucket = self._buckets.get(key)
        if bucket is None:
            self._make_room(now)
            bucket = self._buckets[key] = TokenBucket(self._rate, self._burst)
        else:
            self._buckets.move_to_end(key)
        return 0.0 if bucket.take(now) else bucket.wait_s(now)

    def _make_room(self, now: float) -> None:
        # Keys are in order of last use, so the ones that have refilled gather at the front.
        while self._buckets:
            oldest = next(iter(self._buckets.values()))
            if len(self._buckets) < self._max_keys and not oldest.is_full(now):
                return
            self._buckets.popitem(last=False)
