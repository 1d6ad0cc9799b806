"""Classifies a message by its words: a linear model over hashed features, local and deterministic.

`bench/train_router.py` writes the weights to `weights.json`; `ATTRIBUTION.md` names the sources of the data. Scoring
takes some tens of microseconds.
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
    """`weights[bucket * len(labels) + label]` are 8-bit integers; multiply them by `scale`."""

    labels: Sequence[str]
    biases: Sequence[float]
    scale: float
    weights: array[int]

    def probabilities(self, message: str) -> dict[str, float]:
        """The probability of each label. A message without words has the probabilities of the biases."""
        count = len(self.labels)
        found = features(message)
        totals = [0] * count
        for bucket in found:
            at = bucket * count
            for label in range(count):
                totals[label] += self.weights[at + label]
        # Divided by the root of the number of features, so a long message is not more certain just because it is long.
        norm = self.scale / max(1, len(found)) ** 0.5
        logits = [bias + total * norm for bias, total in zip(self.biases, totals, strict=True)]
        top = max(logits)
        raised = [exp(logit - top) for logit in logits]
        whole = sum(raised)
        return {label: value / whole for label, value in zip(self.labels, raised, strict=True)}


@cache
def shipped_model() -> LinearModel:
    """The model of `weights.json`. Raises `ValueError` if it was trained for other features."""
    kept = json.loads((files("agents") / "intent" / "weights.json").read_text("ascii"))
    if (kept["features"], kept["buckets"]) != (VERSION, BUCKETS):
        raise ValueError("weights.json was trained for other features: run bench/train_router.py")
    weights = array("b", zlib.decompress(b64decode("".join(kept["weights"]))))
    return LinearModel(kept["labels"], kept["biases"], kept["scale"], weights)


def score(message: str) -> Mapping[str, float]:
    """The probability of each agent for `message`; the values add up to 1."""
    return shipped_model().probabilities(message)


def likeliest(message: str) -> tuple[str, float]:
    """The most probable agent for `message`, and its probability."""
    scores = score(message)
    agent = max(scores, key=scores.__getitem__)
    return agent, scores[agent]
