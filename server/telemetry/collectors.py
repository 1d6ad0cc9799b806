"""Metrics that are read from their source at each scrape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from streaming.model import State

ModelState = tuple[str, str, State]
"""(purpose of the model, its name, state of its circuit breaker)."""

_STATES: Final[tuple[State, ...]] = ("closed", "half-open", "open")


class PoolStats(Protocol):
    """The state of a connection pool and its counters since the start."""

    @property
    def size(self) -> int:
        """Open connections, in use or idle."""
        ...

    @property
    def idle(self) -> int:
        """Open connections that are not in use."""
        ...

    @property
    def waiting(self) -> int:
        """Tasks that wait for a connection."""
        ...

    @property
    def opened(self) -> int:
        """Connections opened since the start."""
        ...

    @property
    def timeouts(self) -> int:
        """Waits for a connection that timed out since the start."""
        ...


class PoolCollector(Collector):
    """The metrics of the database pool."""

    def __init__(self, stats: Callable[[], PoolStats]) -> None:
        self._stats = stats

    def collect(self) -> Iterable[Metric]:
        stats = self._stats()
        for name, help_text, value in (
            ("size", "Open connections of the database pool, in use or idle.", stats.size),
            ("idle", "Idle connections of the database pool.", stats.idle),
            ("waiting", "Tasks that wait for a connection of the database pool.", stats.waiting),
        ):
            yield GaugeMetricFamily(f"tessera_database_pool_{name}", help_text, value=value)
        for name, help_text, value in (
            ("opened", "Connections that the database pool has opened.", stats.opened),
            ("timeouts", "Waits for a connection of the database pool that timed out.", stats.timeouts),
        ):
            yield CounterMetricFamily(f"tessera_database_pool_{name}", help_text, value=value)


class ModelCollector(Collector):
    """The circuit breakers of the configured models; exactly one state of each model is 1."""

    def __init__(self, states: Callable[[], Sequence[ModelState]]) -> None:
        self._states = states

    def collect(self) -> Iterable[Metric]:
        family = GaugeMetricFamily(
            "tessera_model_breaker",
            "Circuit breaker of a model: 1 for its current state, 0 for the others.",
            labels=["use", "model", "state"],
        )
        for use, model, current in self._states():
            for state in _STATES:
                family.add_metric([use, model, state], float(state == current))
        yield family
