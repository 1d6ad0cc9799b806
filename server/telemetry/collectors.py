"""Metrics that are read from their source whenever they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from streaming.model import State

ModelState = tuple[str, str, State]
"""What a model is used for, its name, and its breaker's state."""

_STATES: Final[tuple[State, ...]] = ("closed", "half-open", "open")


class PoolStats(Protocol):
    """A connection pool at one moment, and what happened to it so far."""

    @property
    def size(self) -> int:
        """Connections open, in use or not."""
        ...

    @property
    def idle(self) -> int:
        """Connections that nobody uses."""
        ...

    @property
    def waiting(self) -> int:
        """Tasks that wait for a connection."""
        ...

    @property
    def opened(self) -> int:
        """Connections that were made."""
        ...

    @property
    def timeouts(self) -> int:
        """Tasks that waited for a connection in vain."""
        ...


class PoolCollector(Collector):
    """The database pool's numbers."""

    def __init__(self, stats: Callable[[], PoolStats]) -> None:
        self._stats = stats

    def collect(self) -> Iterable[Metric]:
        stats = self._stats()
        for name, help_text, value in (
            ("size", "Database connections open.", stats.size),
            ("idle", "Database connections unused.", stats.idle),
            ("waiting", "Tasks waiting for a database connection.", stats.waiting),
        ):
            yield GaugeMetricFamily(f"tessera_database_pool_{name}", help_text, value=value)
        for name, help_text, value in (
            ("opened", "Database connections made.", stats.opened),
            ("timeouts", "Tasks that waited for a database connection in vain.", stats.timeouts),
        ):
            yield CounterMetricFamily(f"tessera_database_pool_{name}", help_text, value=value)


class ModelCollector(Collector):
    """The breakers of the configured models: of each model's states one is 1."""

    def __init__(self, states: Callable[[], Sequence[ModelState]]) -> None:
        self._states = states

    def collect(self) -> Iterable[Metric]:
        family = GaugeMetricFamily(
            "tessera_model_breaker", "1 for the state that the model's breaker is in.", labels=["use", "model", "state"]
        )
        for use, model, current in self._states():
            for state in _STATES:
                family.add_metric([use, model, state], float(state == current))
        yield family
