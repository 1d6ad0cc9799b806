"""`python -m bench.train_router --write`: train the router's local classifier and write `agents/intent/weights.json`.

Softmax regression over hashed features, trained by AdaGrad in plain Python. The same data gives the same weights.
`--tune` trains without the tuning part, prints the figures for that part, and writes nothing.

The probability from which a label counts as certain comes from the training data alone. It is divided into `FOLDS`
parts, and each part is scored by a model of the other parts. The threshold is the lowest probability from which
`PRECISION` of these messages are right, both in the public data and in the examples of this project.
"""

from __future__ import annotations

import json
import random
import sys
import zlib
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from math import exp, sqrt
from multiprocessing import get_context
from pathlib import Path
from typing import Any, get_args

import numpy as np

from agents.intent.features import BUCKETS, VERSION, features
from agents.intent.scorer import ITEMS, Classifier, LinearModel
from agents.registry import AGENTS
from agents.turn import Need
from bench.router import report
from bench.router_data import Example, load

WEIGHTS = Path(__file__).resolve().parents[1] / "agents" / "intent" / "weights.json"
EPOCHS = 12
RATE = 0.15
DECAY = 3e-4
# This project has few own examples, but they are closest to what people write in the app.
OWN_WEIGHT = 12.0
PATTERN_WEIGHT = 4.0
# 0 weights each label by its number of examples, 1 weights all labels equally.
BALANCE = 0.75
FOLDS = 5
PRECISION = 0.98
# A few messages would give a threshold by chance.
LOWEST_THRESHOLD = 0.6
FEWEST = 50
LINE = 110
NEEDS = get_args(Need)
_WEIGHTS = {"own": OWN_WEIGHT, "pattern": PATTERN_WEIGHT}

Label = Callable[[Example], str]


def agent_of(example: Example) -> str:
    """The label of the first model."""
    return example.agent


def need_of(example: Example) -> str:
    """The label of the second model."""
    return example.need


def train(examples: Sequence[Example], labels: Sequence[str], label_of: Label = agent_of) -> LinearModel:
    """Fit a model. Its weights are quantised like the shipped ones, and no label is ever certain."""
    count = len(labels)
    place = {label: number for number, label in enumerate(labels)}
    frequency = Counter(label_of(example) for example in examples)
    rows = [
        (
            features(example.text),
            place[label_of(example)],
            _WEIGHTS.get(example.source, 1.0) * (len(examples) / count / frequency[label_of(example)]) ** BALANCE,
        )
        for example in examples
    ]
    weights = [0.0] * (BUCKETS * count)
    squares = [1e-6] * (BUCKETS * count)
    biases, bias_squares = [0.0] * count, [1e-6] * count
    shuffle = random.Random(7)
    for _ in range(EPOCHS):
        shuffle.shuffle(rows)
        for found, truth, importance in rows:
            norm = 1 / max(1, len(found)) ** 0.5
            logits = biases[:]
            for bucket in found:
                at = bucket * count
                for label in range(count):
                    logits[label] += weights[at + label] * norm
            top = max(logits)
            raised = [exp(logit - top) for logit in logits]
            whole = sum(raised)
            for label in range(count):
                error = importance * (raised[label] / whole - (label == truth))
                if abs(error) < 1e-4:
                    continue
                bias_squares[label] += error * error
                biases[label] -= 0.1 * RATE * error / sqrt(bias_squares[label])
                gradient = error * norm
                for bucket in found:
                    at = bucket * count + label
                    slope = gradient + DECAY * weights[at]
                    squares[at] += slope * slope
                    weights[at] -= RATE * slope / sqrt(squares[at])
    scale = max(abs(weight) for weight in weights) / 127
    quantised = np.array([round(weight / scale) for weight in weights], np.int8).reshape(-1, count)
    return LinearModel(list(labels), biases, scale, quantised, dict.fromkeys(labels, 2.0))


def thresholds(examples: Sequence[Example], labels: Sequence[str], label_of: Label) -> dict[str, float]:
    """For each label the probability from which it is right in `PRECISION` of the cases, by cross-validation.

    `ITEMS` is the probability that the label is another one than `none`.
    """
    filled = [example for example in examples if example.source == "pattern"]
    written = [example for example in examples if example.source != "pattern"]
    folds = [written[number::FOLDS] for number in range(FOLDS)]
    jobs = [
        (filled + [example for other in folds if other is not fold for example in other], labels, label_of, fold)
        for fold in folds
    ]
    with get_context("spawn").Pool() as pool:
        scored = [pair for part in pool.starmap(_scored, jobs) for pair in part]
    found = {}
    for label in labels:
        told = [(scores[label], label_of(e) == label, e.source) for e, scores in scored if _best(scores) == label]
        found[label] = _threshold(told)
    if "none" in labels:
        found[ITEMS] = _threshold([(1 - scores["none"], label_of(e) != "none", e.source) for e, scores in scored])
    return found


def _scored(
    training: Sequence[Example], labels: Sequence[str], label_of: Label, fold: Sequence[Example]
) -> list[tuple[Example, dict[str, float]]]:
    model = train(training, labels, label_of)
    return [(example, model.probabilities(example.text)) for example in fold]


def _best(scores: Mapping[str, float]) -> str:
    return max(scores, key=scores.__getitem__)


def _threshold(told: Sequence[tuple[float, bool, str]]) -> float:
    """The lowest probability from which `PRECISION` of the labels are right, in both groups of sources."""
    found = LOWEST_THRESHOLD
    for own in (True, False):
        group = sorted((one for one in told if (one[2] == "own") is own), reverse=True)
        if len(group) < FEWEST:
            continue
        lowest, right = 0.999, 0
        for number, (probability, is_right, _) in enumerate(group, start=1):
            right += is_right
            if right / number >= PRECISION:
                lowest = probability
        found = max(found, lowest)
    return round(found, 3)


def fit(examples: Sequence[Example]) -> Classifier:
    """Train both models and choose their thresholds, all on `examples`."""
    kept = []
    for labels, label_of in ((list(AGENTS), agent_of), (list(NEEDS), need_of)):
        model = train(examples, labels, label_of)
        certain = thresholds(examples, labels, label_of)
        kept.append(LinearModel(model.labels, model.biases, model.scale, model.weights, certain))
    return Classifier(*kept)


def write(classifier: Classifier, path: Path) -> None:
    """Write `classifier` to `path` in the format that `agents.intent` reads."""
    kept = {
        "features": VERSION,
        "buckets": BUCKETS,
        "agents": _written(classifier.agents),
        "needs": _written(classifier.needs),
    }
    path.write_text(json.dumps(kept, indent=1) + "\n", "ascii")


def _written(model: LinearModel) -> Mapping[str, Any]:
    packed = b64encode(zlib.compress(model.weights.tobytes(), 9)).decode()
    return {
        "labels": list(model.labels),
        "certain": dict(model.certain),
        "biases": [round(bias, 4) for bias in model.biases],
        "scale": round(model.scale, 8),
        "weights": [packed[at : at + LINE] for at in range(0, len(packed), LINE)],
    }


def main(arguments: Sequence[str]) -> None:
    """Tune, write, or both, according to `arguments`."""
    if not {"--tune", "--write"}.intersection(arguments):
        print("bench.train_router: nothing done. Use --tune to measure, or --write to replace the weights.")
        return
    examples = load()
    if "--tune" in arguments:
        classifier = fit([example for example in examples if example.part == "train"])
        print(report([example for example in examples if example.part == "tune"], classifier))
    if "--write" in arguments:
        write(fit([example for example in examples if example.part != "held_out"]), WEIGHTS)
        print(f"{WEIGHTS}: {WEIGHTS.stat().st_size} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
