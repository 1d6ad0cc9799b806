"""The block parser and its peers on the same token streams: microseconds a token, median of 5.

`python -m bench.parser` prints a table and whether the bounds of `docs/parser.md` hold. Peers that are not installed
(`pip install -e .[bench]`) are skipped. Ratios mean something on a shared machine; single figures do not.
"""

from __future__ import annotations

import json
import random
import statistics
import time
import tracemalloc
from collections.abc import Callable
from importlib import import_module
from typing import Any

from ijson import items_coro
from ijson.utils import sendable_list

from parser import BlockParser, Limits

Run = Callable[[list[str]], object]
ROUNDS = 5
SIZES = (2_048, 16_384, 65_536, 262_144)
# A stream of n tokens costs a parser that starts again with every token n * n / 2: larger ones would take minutes.
LARGEST_QUADRATIC = 16_384


def table(rows: int) -> dict[str, Any]:
    cells = [[f"Task {row}", row * 3, "in progress", row % 2 == 0, "alice"] for row in range(rows)]
    return {"type": "table", "headers": ["Task", "Hours", "Status", "Late", "Who"], "rows": cells}


def chart(points: int) -> dict[str, Any]:
    data = [{"week": f"W{week}", "open": week * 2, "done": week + 0.5} for week in range(points)]
    config = {key: {"label": key.title(), "color": f"var(--{key})"} for key in ("open", "done")}
    return {"type": "chart", "chartType": "bar", "title": "Tasks a week", "data": data, "config": config}


def timeline(items: int) -> dict[str, Any]:
    checkpoints = [
        {"id": f"c{item}", "title": f"Milestone {item}", "date": 1_700_000_000_000 + item, "projectId": "p1"}
        for item in range(items)
    ]
    return {"type": "timeline", "checkpoints": checkpoints}


REFERENCE = {"type": "entity_ref", "entity": "task", "ids": ["t1", "t2", "t3"]}
SENTENCE = "The release is on track, and two tasks are late: ask Alice.\n"


def block_heavy(size: int) -> str:
    """Blocks of the size that answers have, as many as make `size` characters."""
    blocks: list[dict[str, Any]] = []
    made = 2
    kinds = (table(12), chart(24), timeline(8), REFERENCE)
    while made < size:
        blocks.append(kinds[len(blocks) % len(kinds)])
        made += len(json.dumps(blocks[-1])) + 2
    return json.dumps(blocks)


def one_block(size: int) -> str:
    """One table of `size` characters."""
    return json.dumps([table(size // 48)])


def text_heavy(size: int) -> str:
    """Paragraphs of 400 characters, a block each."""
    block = {"type": "text", "content": SENTENCE * 7}
    return json.dumps([block] * (size // len(json.dumps(block)) + 1))


def tokens(document: str) -> list[str]:
    """`document` in tokens of 1 to 8 characters, always the same ones."""
    source = random.Random(len(document))
    made: list[str] = []
    at = 0
    while at < len(document):
        made.append(document[at : (at := at + source.randint(1, 8))])
    return made


def ours(stream: list[str]) -> object:
    parser = BlockParser(Limits(block_bytes=1 << 20, rows=1 << 20))
    feed = parser.feed
    for token in stream:
        feed(token)
    return parser.close()


def ijson_items(stream: list[str]) -> object:
    items = sendable_list()
    send = items_coro(items, "item").send
    for token in stream:
        send(token.encode())
    return items


def json_once(stream: list[str]) -> object:
    return json.loads("".join(stream))


def again(parse: Callable[[str], object]) -> Run:
    """A parser that is given the whole text so far with every token."""

    def run(stream: list[str]) -> object:
        so_far = ""
        value: object = None
        for token in stream:
            so_far += token
            value = parse(so_far)
        return value

    return run


def peers() -> dict[str, tuple[Run, bool]]:
    """Name to runner, and whether it starts again with every token."""
    found: dict[str, tuple[Run, bool]] = {
        "this parser": (ours, False),
        "ijson items_coro": (ijson_items, False),
        "json.loads, once": (json_once, False),
    }

    def jiter(module: Any) -> Callable[[str], object]:
        return lambda text: module.from_json(text.encode(), partial_mode="trailing-strings")

    optional: dict[str, tuple[str, Callable[[Any], Callable[[str], object]]]] = {
        "jiter, again": ("jiter", jiter),
        "LangChain, again": ("langchain_core.utils.json", lambda module: module.parse_partial_json),
        "partial-json-parser, again": ("partial_json_parser", lambda module: module.loads),
    }
    for name, (module_name, make) in optional.items():
        try:
            found[name] = (again(make(import_module(module_name))), True)
        except ImportError:
            print(f"{module_name} is not installed (extra `bench`): skipped")
    return found


def microseconds(run: Run, stream: list[str], repeats: int) -> float:
    """CPU time a token of `repeats` runs, after one more that warms up what another parser left cold."""
    if repeats > 1:
        run(stream)
    start = time.process_time()
    for _ in range(repeats):
        run(stream)
    return (time.process_time() - start) / len(stream) / repeats * 1e6


HARD: dict[str, Callable[[int], str]] = {
    "content before type": lambda size: '{"content":"' + "word " * (size // 5) + '","type":"text"}',
    "broken blocks": lambda size: "[" + '{"type":"table","headers":["a",],"rows":[["x"],]},' * (size // 50) + "]",
    "blocks that do not end": lambda size: '{"type":"table","rows":[["x"],' * (size // 30),
    "text with quotes": lambda size: '{"type":"text","content":"' + '"a", {b} ' * (size // 9) + '"}',
}
"""Inputs that took time that grew faster than they did, or much time, in one chunk."""


def microseconds_a_character(document: str) -> float:
    """CPU time a character of `document` in one chunk, the best of 3."""
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        parser = BlockParser()
        parser.feed(document)
        parser.close()
        best = min(best, time.process_time() - start)
    return best / len(document) * 1e6


def measure(
    name: str, make: Callable[[int], str], runners: dict[str, tuple[Run, bool]]
) -> dict[tuple[str, int], float]:
    figures: dict[tuple[str, int], float] = {}
    for size in SIZES:
        stream = tokens(make(size))
        repeats = max(2, SIZES[-2] // size)  # a few milliseconds a round, however short the stream
        times: dict[str, list[float]] = {label: [] for label in runners}
        # One round after another, every parser in each: what else the machine does then slows all of them alike.
        for number in range(ROUNDS):
            for label, (run, quadratic) in runners.items():
                rounds = 0 if quadratic and size > LARGEST_QUADRATIC else 1 if quadratic and size > SIZES[0] else ROUNDS
                if number < rounds:
                    times[label].append(microseconds(run, stream, 1 if quadratic else repeats))
        figures |= {(label, size): statistics.median(taken) for label, taken in times.items() if taken}
    print(f"\n{name}: microseconds a token")
    print(f"{'':28}" + "".join(f"{size // 1024:>9} KB" for size in SIZES))
    for label in runners:
        cells = (f"{figures[label, size]:12.3f}" if (label, size) in figures else f"{'-':>12}" for size in SIZES)
        print(f"{label:28}" + "".join(cells), flush=True)
    return figures


def memory() -> None:
    """What one open block holds when its last character but one has been fed."""
    print("\npeak memory of one open block")
    for name, document in (
        ("table, 64 KB", one_block(65_536)),
        ("text, 64 KB", json.dumps([{"type": "text", "content": SENTENCE * 1100}])),
    ):
        stream = tokens(document[:-2])
        tracemalloc.start()
        parser = BlockParser()
        for token in stream:
            parser.feed(token)
        held, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        print(f"{name:28}{held / 1024:9.1f} KB held{peak / 1024:9.1f} KB peak")


def report(name: str, value: float, bound: float) -> None:
    print(f"{'ok ' if value <= bound else 'NO '} {name}: {value:.2f} (bound {bound})")


def main() -> None:
    """Measure, and say which bounds hold."""
    runners = peers()
    blocks = measure("block-heavy", block_heavy, runners)
    single = measure("one table", one_block, runners)
    text = measure("text-heavy", text_heavy, runners)
    memory()
    print()
    small, large = SIZES[0], SIZES[-1]
    for size in SIZES:
        for label, figures in (("block-heavy", blocks), ("one table", single)):
            ratio = figures["this parser", size] / figures["ijson items_coro", size]
            report(f"{label} {size // 1024} KB: times ijson's cost a token", ratio, 1.2)
    for size in SIZES:
        more = text["this parser", size] - text["ijson items_coro", size]
        report(f"text-heavy {size // 1024} KB: microseconds a token more than ijson", more, 0.8)
    for label, figures in (("block-heavy", blocks), ("one table", single), ("text-heavy", text)):
        report(f"{label}: 256 KB over 2 KB", figures["this parser", large] / figures["this parser", small], 1.2)
    for name, source in HARD.items():
        once, twice = (microseconds_a_character(source(size)) for size in (60_000, 120_000))
        report(f"{name}: microseconds a character", twice, 4.0)
        report(f"{name}: 120 KB over 60 KB", twice / once, 1.5)
    if ("LangChain, again", small) in blocks:
        faster = blocks["LangChain, again", small] / blocks["this parser", small]
        report("block-heavy 2 KB: our cost over a fiftieth of LangChain's", 50 / faster, 1.0)


if __name__ == "__main__":
    main()
