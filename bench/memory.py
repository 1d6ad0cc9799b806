"""Measures the quality and the speed of memory, with the real storage and search on a real database.

python -m bench.memory                        recall and MRR on the public files, if they are present
python -m bench.memory --corpus FILE          the same on another file of that format (bench/memories/corpus.py)
python -m bench.memory --compare "session_weight=0,coverage=0.15"   that configuration too, with the paired differences
python -m bench.memory --parts                what each part of the search gives, with paired differences
python -m bench.memory --latency              p50/p95 of recall and storage, for 1k and 10k memories among 100k
python -m bench.memory --latency --large      the same for 1k, 10k, 100k and 300k among a million of 10,000 users
  --unvacuumed                                directly after a bulk write: without statistics and autovacuum
python -m bench.memory --indexes              processor time and disk of both indexes, for 10k and 100k memories
python -m bench.memory --attacks              what a reader of the database learns, by attacks on stored rows
  --state DIR                                 keeps the filled database in DIR for the next run

Tables are Markdown, on stdout; progress is on stderr.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Final

import trio

from bench.memories.attacks import measure_attacks
from bench.memories.comparison import Configuration
from bench.memories.environment import Remembering, open_environment
from bench.memories.indexes import measure_indexes
from bench.memories.latency import LARGE, SMALL, measure_latency
from bench.memories.parts import measure_parts
from bench.memories.quality import measure_quality
from memory import MemoryLimits
from memory.embedding import Embedder, LocalEmbedder
from memory.embedding.model import ModelMissing, model_folder, multilingual_folder

_ROOT: Final = Path(__file__).resolve().parents[1]
_LANGUAGES: Final = Path(__file__).with_name("memories") / "languages.jsonl"
_DATA: Final = Path(os.environ.get("TESSERA_SHARED_DATA") or _ROOT.parent / "shared" / "data") / "memory"


def main(arguments: list[str] | None = None) -> None:
    """See the module."""
    parser = argparse.ArgumentParser(prog="python -m bench.memory", description="Measure memory.")
    parser.add_argument("--corpus", type=Path, action="append", metavar="FILE", help="instead of the public files")
    parser.add_argument("--lexical", action="store_true", help="without the embedding model")
    parser.add_argument(
        "--compare",
        type=Configuration.read,
        metavar="NAME=VALUE,...",
        help="another configuration, by fields of Ranking and Floor (memory/recall/search.py)",
    )
    parser.add_argument("--parts", action="store_true", help="measure what each part of the search gives instead")
    parser.add_argument("--latency", action="store_true", help="measure times instead")
    parser.add_argument("--large", action="store_true", help="with --latency: a million rows; takes minutes and 12 GB")
    parser.add_argument("--unvacuumed", action="store_true", help="with --latency: directly after a bulk write")
    parser.add_argument("--state", type=Path, metavar="DIR", help="with --latency: keep the filled database there")
    parser.add_argument("--indexes", action="store_true", help="compare the two indexes instead")
    parser.add_argument("--attacks", action="store_true", help="attack the stored rows instead")
    options = parser.parse_args(arguments)
    if options.attacks:
        _run(_attacks, (options.corpus or [_DATA / "cranfield.jsonl.gz"])[0])
        return
    if options.indexes:
        _run(measure_indexes)
        return
    if options.latency:
        scale = LARGE if options.large else SMALL
        _run(partial(measure_latency, scale, options.state, vacuum=not options.unvacuumed))
        return
    paths = options.corpus or [*sorted(_DATA.glob("*.jsonl.gz")), _LANGUAGES]
    if not options.corpus and len(paths) == 1:
        print(f"no public files in {_DATA}: name one with --corpus, or set TESSERA_SHARED_DATA")
    _run(_quality, paths, options.lexical, options.compare, options.parts)


def _run(measure: Callable[..., Awaitable[object]], *arguments: object) -> None:
    number = trio.run(until_told, measure, *arguments)
    if number is not None:
        sys.exit(128 + number)


async def until_told(measure: Callable[..., Awaitable[object]], *arguments: object) -> int | None:
    """Await `measure`. SIGTERM or SIGHUP cancels it, so that its processes end. Returns the signal, or None."""
    told: int | None = None
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGHUP) as signals:
        async with trio.open_nursery() as nursery:

            async def listen() -> None:
                nonlocal told
                told = await anext(signals)
                nursery.cancel_scope.cancel()

            nursery.start_soon(listen)
            await measure(*arguments)
            nursery.cancel_scope.cancel()
    return told


async def _quality(paths: list[Path], lexical: bool, other: Configuration | None, parts: bool) -> None:
    embedder = None if lexical else await _embedder()
    # Larger claims and longer waits than in a server, because no request waits meanwhile.
    limits = MemoryLimits(batch=100, embed_query_s=60.0)
    remembering = Remembering(embedder) if embedder is not None else None
    async with open_environment(remembering, durable=False, limits=limits) as environment:
        if parts:
            await measure_parts(environment, paths)
        else:
            await measure_quality(environment, paths, other)


async def _attacks(path: Path) -> None:
    embedder = await _embedder()
    if embedder is None:
        return
    remembering = Remembering(embedder)
    async with open_environment(remembering, durable=False) as environment:
        await measure_attacks(environment, remembering, path)


async def _embedder() -> Embedder | None:
    state_dir = Path(os.environ.get("TESSERA_STATE_DIR") or _ROOT / ".state")
    try:
        threads = os.cpu_count() or 1
        return await LocalEmbedder.load(
            model_folder(state_dir), multilingual_folder(state_dir), document_threads=threads
        )
    except ModelMissing as error:
        print(f"words only: {error}")
        return None


if __name__ == "__main__":
    # `python -m bench` runs every benchmark with other arguments.
    main()
