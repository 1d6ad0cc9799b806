"""Classifies a message by its words: linear models over hashed features, local and deterministic.

`bench/train_router.py` writes the weights to `weights.json`; `ATTRIBUTION.md` names the sources of the data. Scoring
takes some tens of microseconds.
"""

from __future__ import annotations

import json
import zlib
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from math import exp
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from agents.intent.features import BUCKETS, VERSION, features

ITEMS: Final = "items"
"""The need for items, read or changed: every need but `none`. It has a threshold, but is not a label."""


@dataclass(frozen=True, slots=True)
class LinearModel:
    """`weights[bucket, label]` are 8-bit integers; multiply them by `scale`.

    `certain`: the probability from which a label was right for 98 of 100 messages that the model was not trained on.
    """

    labels: Sequence[str]
    biases: Sequence[float]
    scale: float
    weights: NDArray[np.int8]
    certain: Mapping[str, float]

    def probabilities(self, message: str) -> dict[str, float]:
        """The probability of each label. A message without words has the probabilities of the biases."""
        return self.of_features(features(message))

    def of_features(self, found: Sequence[int]) -> dict[str, float]:
        """The probability of each label, for a message with these features."""
        totals = self.weights[found].sum(axis=0, dtype=np.int64).tolist()
        # Divided by the root of the number of features, so a long message is not more certain just because it is long.
        norm = self.scale / max(1, len(found)) ** 0.5
        logits = [bias + total * norm for bias, total in zip(self.biases, totals, strict=True)]
        top = max(logits)
        raised = [exp(logit - top) for logit in logits]
        whole = sum(raised)
        return {label: value / whole for label, value in zip(self.labels, raised, strict=True)}


@dataclass(frozen=True, slots=True)
class Reading:
    """The likeliest agent and need of a message, and whether they are certain.

    `needs_items`: it is certain that the message needs items, even if not whether it reads or changes them.
    """

    agent: str
    probability: float
    certain: bool
    need: str
    need_certain: bool
    needs_items: bool


@dataclass(frozen=True, slots=True)
class Classifier:
    """Two models over the same features: which agent a message is for, and what it needs of the device."""

    agents: LinearModel
    needs: LinearModel

    def read(self, message: str) -> Reading:
        """Classify `message`. A message without words is never certain."""
        found = features(message)
        agent, probability = _top(self.agents.of_features(found))
        needs = self.needs.of_features(found)
        need, need_probability = _top(needs)
        has_words = any(letter.isalpha() for letter in message)
        return Reading(
            agent,
            probability,
            has_words and probability >= self.agents.certain[agent],
            need,
            has_words and need_probability >= self.needs.certain[need],
            has_words and 1 - needs["none"] >= self.needs.certain[ITEMS],
        )


@cache
def shipped_model() -> Classifier:
    """The models of `weights.json`. Raises `ValueError` if they were trained for other features."""
    kept = json.loads((files("agents") / "intent" / "weights.json").read_text("ascii"))
    if (kept["features"], kept["buckets"]) != (VERSION, BUCKETS):
        raise ValueError("weights.json was trained for other features: run bench/train_router.py")
    return Classifier(_model(kept["agents"]), _model(kept["needs"]))


def _model(kept: Mapping[str, Any]) -> LinearModel:
    weights = np.frombuffer(zlib.decompress(b64decode("".join(kept["weights"]))), np.int8)
    labels = kept["labels"]
    return LinearModel(labels, kept["biases"], kept["scale"], weights.reshape(-1, len(labels)), kept["certain"])


def score(message: str) -> Mapping[str, float]:
    """The probability of each agent for `message`; the values add up to 1."""
    return shipped_model().agents.probabilities(message)


def likeliest(message: str) -> tuple[str, float]:
    """The most probable agent for `message`, and its probability."""
    return _top(score(message))


def read(message: str) -> Reading:
    """The likeliest agent and need of `message`."""
    return shipped_model().read(message)


def _top(scores: Mapping[str, float]) -> tuple[str, float]:
    label = max(scores, key=scores.__getitem__)
    return label, scores[label]
