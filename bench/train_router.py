"""`python -m bench.train_router --write`: train the router's local classifier and write `agents/intent/weights.json`.

Softmax regression over hashed features, trained by AdaGrad in plain Python. The same data gives the same weights.
`--tune` trains without the tuning part, prints the figures for that part, and writes nothing.
"""

from __future__ import annotations

import json
import random
import sys
import zlib
from array import array
from base64 import b64encode
from collections import Counter
from collections.abc import Sequence
from math import exp, sqrt
from pathlib import Path

from agents.intent.features import BUCKETS, VERSION, features
from agents.intent.scorer import LinearModel
from agents.registry import AGENTS
from bench.router import report
from bench.router_data import Example, load

WEIGHTS = Path(__file__).resolve().parents[1] / "agents" / "intent" / "weights.json"
EPOCHS = 12
RATE = 0.15
DECAY = 3e-4
# This project has few own examples, but they are closest to what people write in the app.
OWN_WEIGHT = 12.0
# 0 weights each agent by its number of examples, 1 weights all agents equally.
BALANCE = 0.75
LINE = 110


def train(examples: Sequence[Example], labels: Sequence[str]) -> LinearModel:
    """Fit a model. Its weights are quantised like the shipped ones."""
    count = len(labels)
    place = {label: number for number, label in enumerate(labels)}
    frequency = Counter(example.agent for example in examples)
    rows = [
        (
            features(example.text),
            place[example.agent],
            (OWN_WEIGHT if example.source == "own" else 1.0)
            * (len(examples) / count / frequency[example.agent]) ** BALANCE,
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
    return LinearModel(list(labels), biases, scale, array("b", [round(weight / scale) for weight in weights]))


def write(model: LinearModel, path: Path) -> None:
    """Write `model` to `path` in the format that `agents.intent` reads."""
    packed = b64encode(zlib.compress(model.weights.tobytes(), 9)).decode()
    kept = {
        "features": VERSION,
        "buckets": BUCKETS,
        "labels": list(model.labels),
        "biases": [round(bias, 4) for bias in model.biases],
        "scale": round(model.scale, 8),
        "weights": [packed[at : at + LINE] for at in range(0, len(packed), LINE)],
    }
    path.write_text(json.dumps(kept, indent=1) + "\n", "ascii")


def main(arguments: Sequence[str]) -> None:
    """Tune, write, or both, according to `arguments`."""
    if not {"--tune", "--write"}.intersection(arguments):
        print("bench.train_router: nothing done. Use --tune to measure, or --write to replace the weights.")
        return
    examples = load()
    if "--tune" in arguments:
        model = train([example for example in examples if example.part == "train"], list(AGENTS))
        print(report([example for example in examples if example.part == "tune"], model))
    if "--write" in arguments:
        write(train([example for example in examples if example.part != "held_out"], list(AGENTS)), WEIGHTS)
        print(f"{WEIGHTS}: {WEIGHTS.stat().st_size} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
