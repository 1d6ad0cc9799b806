"""Merges the metrics of several workers into one text, in which every sample has the label `worker`. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

LABEL: Final = "worker"


class _Merged(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Metric]:
        return self._families


def merged(texts: Mapping[int, bytes | None]) -> bytes:
    """The metrics of all workers in Prometheus's text format. `texts` has each worker's answer by number, or None."""
    up = Metric("tessera_worker_up", "1 if the worker answered this scrape, 0 if not.", "gauge")
    families: dict[str, Metric] = {up.name: up}
    for number, text in sorted(texts.items()):
        up.add_sample(up.name, {LABEL: str(number)}, 0.0 if text is None else 1.0)
        for family in text_string_to_metric_families((text or b"").decode()):
            kept = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
            for sample in family.samples:
                kept.add_sample(sample.name, {LABEL: str(number)} | sample.labels, sample.value)
    registry = CollectorRegistry()
    registry.register(_Merged(families.values()))
    return generate_latest(registry)
