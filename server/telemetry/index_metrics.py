"""Metrics of encrypted memory rows and of the index that has them."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge


class MemoryIndexMetrics:
    """Part of `server.telemetry.Metrics`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._unreadable = Counter(
            "tessera_memory_unreadable",
            "Memory rows skipped because they do not decrypt with their user's key, by tier.",
            ["tier"],
            registry=registry,
        )
        self._changes = Counter(
            "tessera_memory_index_changes",
            "Users whose memories were moved to the index of TESSERA_MEMORY_INDEX.",
            registry=registry,
        )

        self._built = Counter(
            "tessera_memory_segments_built",
            "Users with many memories who got encrypted segments in addition to the rows that PostgreSQL searches.",
            registry=registry,
        )

    def unreadable(self, tier: str) -> None:
        """A row of `tier`, one of the four tiers, was skipped."""
        self._unreadable.labels(tier).inc()

    def changed(self, users: int) -> None:
        """The memories of `users` users were moved to another index."""
        self._changes.inc(users)

    def built(self) -> None:
        """The segments of one more user are complete."""
        self._built.inc()

    def watch(self, size: Callable[[], int]) -> None:
        """Take the size of the loaded indexes at each scrape, in bytes. Called at most once."""
        text = "Bytes of the loaded memory indexes in the server's memory."
        Gauge("tessera_memory_index_bytes", text, registry=self._registry).set_function(size)
