"""Coverage-guided fuzzing: `python -m tests.parser.fuzz --seconds 60` (extra `fuzz`).

Inputs are bytes: two that seed the cutting, then UTF-8. Each is fed whole and cut; the events must be the same and in
order. Seeds are the corpora; findings are saved under `tests/parser/crashes`, where a test replays it for good.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from parser import Limits
from tests.parser.corpus_files import answers
from tests.parser.feeds import assert_orderly, parse, random_splits
from tests.parser.shared_data import JSON, rows

CRASHES = Path(__file__).with_name("crashes")
LIMITS = (Limits(), Limits(block_bytes=200, depth=4, rows=2, columns=2, points=2, string_chars=10, lookahead_chars=20))


def check(data: bytes) -> None:
    """Raise `AssertionError` when the answer in `data` is not parsed the same however it is cut."""
    source = data[2:].decode("utf-8", "surrogateescape")
    limits = LIMITS[data[0] & 1] if data else LIMITS[0]
    whole = parse([source], limits)
    assert_orderly(whole)
    for longest in (1, 9):
        assert parse(random_splits(source, data[1] if len(data) > 1 else 0, longest), limits) == whole


def seeds() -> Iterator[bytes]:
    """The corpora as inputs."""
    for chunks in answers().values():
        yield b"\0\0" + "".join(chunks).encode("utf-8", "surrogatepass")
    for row in rows("real-outputs.jsonl"):
        yield b"\0\1" + row["text"].encode()[:4_000]
    for row in rows("jsontestsuite/index.jsonl"):
        value = (JSON / "jsontestsuite" / row["file"]).read_bytes()[:500]
        yield b'\1\2[{"type":"table","headers":["a"],"rows":[[1]],"x":' + value + b'},{"type":"text","content":"b"}]'


MODULES = (
    *("block_parser", "block_reader", "coercions", "held_objects", "object_scanner", "openings", "repair"),
    *("strings", "structure", "wrappers", "yajl"),
)
DICTIONARY = ('{"type":"', "text", "table", "chart", '"content":"', '"rows":[[', '{"blocks":[', "\\ud83d", "```json")


def main() -> None:
    """Fuzz for the given time; exits with libFuzzer's code, 0 when nothing was found."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=int, default=60)
    seconds = arguments.parse_args().seconds
    try:
        atheris = import_module("atheris")
    except ImportError:
        sys.exit("atheris is not installed: pip install -e .[fuzz]")
    atheris.instrument_imports()
    for name in MODULES:
        module = import_module(f"parser.{name}")
        for value in list(vars(module).values()):
            if isinstance(value, type) and value.__module__ == module.__name__:
                for function in list(vars(value).values()):
                    if hasattr(function, "__code__"):
                        atheris.instrument_func(function)
    with tempfile.TemporaryDirectory() as folder:
        for number, seed in enumerate(seeds()):
            Path(folder, f"seed-{number}").write_bytes(seed)
        words = Path(folder).with_suffix(".dict")
        words.write_text("".join(f"{json.dumps(word)}\n" for word in DICTIONARY), "utf-8")
        options = [f"-max_total_time={seconds}", "-max_len=4096", "-timeout=20", f"-dict={words}"]
        atheris.Setup([sys.argv[0], *options, f"-artifact_prefix={CRASHES}/", "-print_final_stats=1", folder], check)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
