"""Token buckets: a sustained rate plus a burst. Pure; the caller passes the time.

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
            raise ValueError(
                f"a token bucket needs a rate above 0 and a burst of at least 1, not {rate_per_s} and {burst}"
            )
        self._rate = rate_per_s
        self._burst = float(burst)
        self._tokens = float(burst)
        self._updated: float | None = None

    def take(self, now: float) -> bool:
        """Take one token. Returns False, and takes nothing, if the bucket is empty."""
        self._refill(now)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def spend(self, amount: float, now: float) -> float:
        """Take `amount` in any case. Returns the seconds until the bucket owes nothing; 0 if it owes nothing now."""
        self._refill(now)
        self._tokens -= amount
        return max(0.0, -self._tokens / self._rate)

    def wait_s(self, now: float) -> float:
        """Seconds until the next token; 0 if there is one now."""
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

    An evicted key starts with a full bucket again. `max_keys` should therefore be far above the number of keys that
    one source can use while a bucket refills.
    """

    def __init__(self, rate_per_s: float, burst: float, *, max_keys: int = 10_000) -> None:
        if max_keys < 1:
            raise ValueError(f"max_keys must be at least 1, not {max_keys}")
        TokenBucket(rate_per_s, burst)  # an invalid rate fails here, not at the first request
        self._rate = rate_per_s
        self._burst = burst
        self._max_keys = max_keys
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, key: str, now: float) -> float:
        """Take one token of `key`. Returns 0 if there was one, else the seconds until the next."""
        bucket = self._bucket(key, now)
        return 0.0 if bucket.take(now) else bucket.wait_s(now)

    def spend(self, key: str, amount: float, now: float) -> float:
        """Take `amount` of `key` in any case. Returns the seconds until it owes nothing; 0 if it owes nothing now."""
        return self._bucket(key, now).spend(amount, now)

    def _bucket(self, key: str, now: float) -> TokenBucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            self._evict(now)
            bucket = self._buckets[key] = TokenBucket(self._rate, self._burst)
        else:
            self._buckets.move_to_end(key)
        return bucket

    def _evict(self, now: float) -> None:
        # Keys are in order of last use, so buckets that are full again are at the front.
        while self._buckets:
            oldest = next(iter(self._buckets.values()))
            if len(self._buckets) < self._max_keys and not oldest.is_full(now):
                return
            self._buckets.popitem(last=False)
