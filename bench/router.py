"""`make bench-router` measures the local classifier of the router, without any model call.

It prints accuracy, macro-F1 and the confusion table for the training part and the held-out part.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

from agents.intent.scorer import LinearModel, shipped_model
from bench.router_data import Example, load


def report(examples: Sequence[Example], model: LinearModel) -> str:
    """Accuracy, macro-F1, each agent's precision, recall and F1, and the confusion table, as Markdown."""
    pairs = Counter((example.agent, _routed(model, example.text)) for example in examples)
    labels = list(model.labels)
    right = sum(pairs[label, label] for label in labels)
    rows = {label: _figures(pairs, labels, label) for label in labels}
    macro = sum(f1 for _, _, f1 in rows.values()) / len(labels)
    lines = [
        f"{len(examples)} messages: accuracy {right / len(examples):.4f}, macro-F1 {macro:.4f}",
        "",
        f"| right agent | precision | recall | F1 | {' | '.join(f'→ {_short(label)}' for label in labels)} |",
        "|---|" + "---:|" * (3 + len(labels)),
    ]
    for label, (precision, recall, f1) in rows.items():
        counts = " | ".join(str(pairs[label, other]) for other in labels)
        lines.append(f"| {_short(label)} | {precision:.3f} | {recall:.3f} | {f1:.3f} | {counts} |")
    return "\n".join(lines)


def _figures(pairs: Counter[tuple[str, str]], labels: Sequence[str], label: str) -> tuple[float, float, float]:
    hits = pairs[label, label]
    claimed = sum(pairs[other, label] for other in labels)
    meant = sum(pairs[label, other] for other in labels)
    precision, recall = hits / max(1, claimed), hits / max(1, meant)
    return precision, recall, 2 * precision * recall / max(1e-9, precision + recall)


def _routed(model: LinearModel, text: str) -> str:
    scores = model.probabilities(text)
    return max(scores, key=scores.__getitem__)


def _short(label: str) -> str:
    return label.removesuffix("_agent")


def main() -> None:
    """Print the figures, or a message if the public data is missing."""
    try:
        examples = load()
    except FileNotFoundError:
        print("bench.router: the public data was not found. Set TESSERA_SHARED_DATA to its folder.")
        return
    model = shipped_model()
    for title, chosen in (
        ("Trained on", [example for example in examples if example.part != "held_out"]),
        ("Held out", [example for example in examples if example.part == "held_out"]),
        ("Held out, public data only", [e for e in examples if e.part == "held_out" and e.source != "own"]),
        (
            "Held out, examples of this project only",
            [e for e in examples if e.part == "held_out" and e.source == "own"],
        ),
    ):
        print(f"\n{title}: {report(chosen, model)}")
    began = time.perf_counter()
    for example in examples:
        model.probabilities(example.text)
    print(f"\n{(time.perf_counter() - began) / len(examples) * 1e6:.0f} us per message")


if __name__ == "__main__":
    main()
