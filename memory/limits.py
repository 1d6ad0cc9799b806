"""What memory recalls and keeps: bounds and thresholds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MemoryLimits:
    """Times in seconds unless named otherwise."""

    top_k: int = 8
    """Associative memories per prompt, at most."""
    episodes: int = 5
    patterns: int = 5
    pattern_threshold: float = 0.5
    """Least confidence, as it is now, of a pattern that is brought up."""
    pattern_half_life_days: float = 30.0
    embed_query_s: float = 1.0
    """For embedding a query; afterwards words alone decide."""
    describe_s: float = 10.0
    """For a model's summary of an exchange; afterwards rules make it."""
    mined_episodes: int = 200
    claim: int = 20
    """Episodes or memories of one user that are worked on together."""
    idle_s: float = 30.0
    """Between two looks for work that other servers left."""
    lease_s: float = 30.0
    """How long work is taken for: a server that was killed gives it back after this."""
    describing_at_once: int = 4


def delay_s(attempts: int) -> float:
    """Seconds until work that has failed `attempts` times is tried again: 2, doubled each time, at most 10 minutes."""
    return float(min(600, 2 ** min(attempts, 10)))
