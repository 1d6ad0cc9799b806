"""Which agent a message is for, by its words alone: a linear model over hashed features, local and deterministic.

The weights are in `weights.json`, made by `bench/train_router.py`; `ATTRIBUTION.md` says from whose data. Scoring takes
some tens of microseconds and no memory beyond the weights.
"""

from __future__ import annotations

import json
import zlib
from array import array
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from math import exp

from agents.intent.features import BUCKETS, VERSION, features


@dataclass(frozen=True, slots=True)
class LinearModel:
    """`weights[bucket * len(labels) + label]`, in eighth-bit integers to be multiplied by `scale`."""

    labels: Sequence[str]
    biases: Sequence[float]
    scale: float
    weights: array[int]

    def probabilities(self, message: str) -> dict[str, float]:
        """By label; they add up to 1. Nothing that can be read gives the biases' own."""
        count = len(self.labels)
        found = features(message)
        totals = [0] * count
        for bucket in found:
            at = bucket * count
            for label in range(count):
                totals[label] += self.weights[at + label]
        # Features are averaged, so to speak: a long message is not surer for being long.
        norm = self.scale / max(1, len(found)) ** 0.5
        logits = [bias + total * norm for bias, total in zip(self.biases, totals, strict=True)]
        top = max(logits)
        raised = [exp(logit - top) for logit in logits]
        whole = sum(raised)
        return {label: value / whole for label, value in zip(self.labels, raised, strict=True)}


@cache
def shipped_model() -> LinearModel:
    """The model of `weights.json`. Raises `ValueError` when it was trained for other features."""
    kept = json.loads((files("agents") / "intent" / "weights.json").read_text("ascii"))
    if (kept["features"], kept["buckets"]) != (VERSION, BUCKETS):
        raise ValueError("weights.json was trained for other features: run bench/train_router.py")
    weights = array("b", zlib.decompress(b64decode("".join(kept["weights"]))))
    return LinearModel(kept["labels"], kept["biases"], kept["scale"], weights)


def score(message: str) -> Mapping[str, float]:
    """How likely each agent is meant, by the message alone; the values add up to 1."""
    return shipped_model().probabilities(message)


def likeliest(message: str) -> tuple[str, float]:
    """The agent that `message` is for, and how likely that is."""
    scores = score(message)
    agent = max(scores, key=scores.__getitem__)
    return agent, scores[agent]
