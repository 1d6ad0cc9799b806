"""Limits of memory: how much it recalls, how long it waits for models, and how it claims background work."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MemoryLimits:
    """Names that end in `_s` are seconds."""

    top_k: int = 8
    """Associative memories per prompt, at most."""
    episodes: int = 5
    """Recent episodes per prompt, at most."""
    patterns: int = 5
    """Patterns per prompt, at most."""
    pattern_threshold: float = 0.5
    """The lowest present confidence of a pattern that is recalled."""
    pattern_half_life_days: float = 30.0
    """Days after which the confidence of a pattern is half, counted from the last day it was seen."""
    embed_query_s: float = 1.0
    """Time to embed a query. If it takes longer, the search uses words only."""
    describe_s: float = 10.0
    """Time for a model to describe an exchange. If it takes longer, rules describe it."""
    mined_episodes: int = 200
    """How many of the newest episodes are searched for patterns."""
    batch: int = 20
    """Episodes or memories of one user that are claimed together."""
    idle_s: float = 30.0
    """Time between two sweeps for work that other servers left."""
    lease_s: float = 30.0
    """How long a claim holds. The work of a killed server is due again after this."""
    users_at_once: int = 4
    """Users whose episodes a server enriches at the same time."""
    describing_at_once: int = 4
    """Exchanges of one user that a model describes at the same time."""
    stored_memories: int = 100_000
    """Exchanges and items that one user may store."""
    stored_bytes: int = 1 << 30
    """Bytes of encrypted contents and vectors that one user may store."""
    devices: int = 100
    """Devices of one user that are recorded, without revoked ones."""
    device_keep_s: float = 400 * 86_400.0
    """How long a device is kept that is not seen."""


def delay_s(attempts: int) -> float:
    """Seconds until the next attempt after `attempts` attempts: 2, doubled with each attempt, at most 600."""
    return float(min(600, 2 ** min(attempts, 10)))
