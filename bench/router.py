"""`make bench-router` measures the local classifier of the router, without any model call.

It prints accuracy, macro-F1 and the confusion table for the training part and the held-out part, and which share of
the messages the classifier decides alone, with its errors. Then the CPU per message, and the time to the first token.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

from agents.intent.scorer import Classifier, Reading, shipped_model
from bench import first_token
from bench.router_data import Example, load


def report(examples: Sequence[Example], classifier: Classifier) -> str:
    """Accuracy, macro-F1, each agent's precision, recall and F1, and the confusion table, as Markdown.

    Then what the classifier decides without a model.
    """
    readings = [classifier.read(example.text) for example in examples]
    pairs = Counter((example.agent, reading.agent) for example, reading in zip(examples, readings, strict=True))
    labels = list(classifier.agents.labels)
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
    return "\n".join([*lines, "", *_decided(examples, readings)])


def _decided(examples: Sequence[Example], readings: Sequence[Reading]) -> list[str]:
    """The table of decisions without a model, for all messages, by agent and by language."""
    rows = list(zip(examples, readings, strict=True))
    groups = {"all": rows}
    for example, reading in rows:
        groups.setdefault(f"→ {_short(reading.agent)}", []).append((example, reading))
        groups.setdefault(f"in {example.language}", []).append((example, reading))
    lines = [
        "| messages | decided without a model | wrong of these | need told | wrong of these |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, group in groups.items():
        decided = [pair for pair in group if pair[1].certain]
        told = [pair for pair in decided if pair[1].need_certain]
        wrong = sum(example.agent != reading.agent for example, reading in decided)
        wrong_needs = sum(example.need != reading.need for example, reading in told)
        lines.append(
            f"| {name} ({len(group)}) | {_share(len(decided), len(group))} | {_share(wrong, len(decided))} "
            f"| {_share(len(told), len(decided))} | {_share(wrong_needs, len(told))} |"
        )
    return lines


def _share(part: int, whole: int) -> str:
    return f"{100 * part / max(1, whole):.1f} % ({part})"


def _figures(pairs: Counter[tuple[str, str]], labels: Sequence[str], label: str) -> tuple[float, float, float]:
    hits = pairs[label, label]
    claimed = sum(pairs[other, label] for other in labels)
    meant = sum(pairs[label, other] for other in labels)
    precision, recall = hits / max(1, claimed), hits / max(1, meant)
    return precision, recall, 2 * precision * recall / max(1e-9, precision + recall)


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
    taken = []
    for example in examples[::10]:
        began = time.process_time()
        model.read(example.text)
        taken.append(time.process_time() - began)
    taken.sort()
    mean, p95 = sum(taken) / len(taken), taken[int(0.95 * len(taken))]
    print(f"\nCPU per message: {mean * 1e3:.2f} ms on average, at most {p95 * 1e3:.2f} ms for 95 %")
    held_out = [example.text for example in examples if example.part == "held_out"]
    print(first_token.report(held_out[::4]))


if __name__ == "__main__":
    main()
