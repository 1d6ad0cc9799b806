"""The quality of search: recall and MRR of vectors, of BM25 on plain and on blind terms, and of their fusion."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from uuid import UUID

import bm25s

from bench.memories.comparison import Configuration, difference
from bench.memories.corpus import Conversation, Query, read_corpus
from bench.memories.environment import Environment
from bench.memories.stored import Memory, Written, write
from bench.memories.strangers import ask_strangers
from memory.recall import NO_FLOOR, Ranking, SearchQuery, ranked_hits
from memory.text import Analyser, without_stamp
from sql.tenant import scoped

CUTS: Final = (5, 10, 20)
_DEPTH: Final = 1000
_DIGITS: Final = 9
_SAME: Final = 1e-9
_LEAST_PART: Final = 20
_NAMES: Final = (*(f"R@{cut}" for cut in CUTS), "MRR")
_CATEGORY: Final = "category "
VECTORS, CLEAR, BLIND = "vectors alone", "BM25 in the clear", "blind BM25"
FUSED, FLOORED, OTHER = "fusion", "fusion, above floor", "the other configuration, above floor"


@dataclass(slots=True)
class Tally:
    """One row per query: recall at each of `CUTS`, then the reciprocal rank of the first correct item."""

    rows: list[list[float]] = field(default_factory=list)

    @property
    def count(self) -> int:
        """The number of queries."""
        return len(self.rows)

    def add(self, ranked: Sequence[str], gold: frozenset[str]) -> None:
        """Add one query: its found targets, best first."""
        shares = [len(gold.intersection(ranked[:cut])) / len(gold) for cut in CUTS]
        self.rows.append([*shares, next((1 / rank for rank, target in enumerate(ranked, 1) if target in gold), 0.0)])

    def means(self) -> list[float]:
        return [sum(values) / self.count for values in zip(*self.rows, strict=True)]


@dataclass(slots=True)
class Report:
    """The tallies of one file and level, by part and method. `count` is the number of queries."""

    count: int = 0
    tallies: dict[str, dict[str, Tally]] = field(default_factory=dict)

    def add(
        self, method: str, part: str, ranked: Sequence[str], gold: frozenset[str], category: str | None = None
    ) -> None:
        for name in ("all", part, *([] if category is None else [f"{_CATEGORY}{category}"])):
            self.tallies.setdefault(name, {}).setdefault(method, Tally()).add(ranked, gold)

    def print(self) -> None:
        for part, methods in self.tallies.items():
            count = next(iter(methods.values())).count
            if part != "all" and not part.startswith(_CATEGORY) and count < _LEAST_PART:
                continue
            print(f"\n| {part}, {count} queries | " + " | ".join(f"R@{cut}" for cut in CUTS) + " | MRR |")
            print("|---|" + "---|" * (len(CUTS) + 1))
            for method, tally in methods.items():
                print(f"| {method} | " + " | ".join(f"{mean:.3f}" for mean in tally.means()) + " |")
            if not part.startswith(_CATEGORY):
                self._verdict(methods)
            if OTHER in methods:
                ours, theirs = (zip(*methods[name].rows, strict=True) for name in (FLOORED, OTHER))
                pairs = zip(_NAMES, ours, theirs, strict=True)
                differences = [f"{name} {difference(one, other)}" for name, one, other in pairs]
                print("\nthis configuration against the other, 95% intervals: " + ", ".join(differences))

    def _verdict(self, methods: dict[str, Tally]) -> None:
        blind, clear = methods[BLIND].means(), methods[CLEAR].means()
        same = all(abs(one - other) < _SAME for one, other in zip(blind, clear, strict=True))
        print(f"\nblind BM25 finds what BM25 in the clear finds: {'yes' if same else 'NO'}")
        if VECTORS in methods:
            vectors, fused = methods[VECTORS].means(), methods[FUSED].means()
            differences = [
                f"{name} {have - max(words, meaning):+.3f}"
                for name, have, words, meaning in zip(_NAMES, fused, blind, vectors, strict=True)
            ]
            print("fusion against the better of its parts: " + ", ".join(differences))


@dataclass(slots=True)
class Volume:
    """The numbers of one file. `difference` is the largest difference between a blind and a plain BM25 score."""

    items: int = 0
    unlearned: int = 0
    rows: int = 0
    write_s: float = 0.0
    asked: int = 0
    ask_s: float = 0.0
    difference: float = 0.0

    def print(self) -> None:
        rate = self.items / self.write_s if self.write_s else 0.0
        print(
            f"{self.items} items in {self.rows} rows ({self.unlearned} with nothing to remember), written at {rate:.0f}"
            f" per second with embedding; a search took {1000 * self.ask_s / max(self.asked, 1):.0f} ms on average,"
            f" with embedding and the decryption of at most {_DEPTH} memories"
        )
        print(f"largest difference between a blind and a clear BM25 score: {self.difference:.1e}")


async def measure_quality(environment: Environment, paths: Sequence[Path], other: Configuration | None = None) -> None:
    """Write each conversation as a person's memory, ask, and print a Markdown table per file and level of gold.

    At the end, questions about other people are asked of each person's memory. `other` is compared with the
    configuration of the server.
    """
    people: list[tuple[Written, Conversation]] = []
    files: list[str] = []
    for path in paths:
        reports: dict[str, Report] = {}
        volume = Volume()
        for conversation in read_corpus(path):
            written = await write(environment, conversation)
            volume.items += len(conversation.items)
            volume.rows += len(written.memories)
            volume.unlearned += written.unlearned
            volume.write_s += written.seconds
            people.append((written, conversation))
            files.append(path.name)
            await _ask(environment, written, conversation.queries, reports, volume, other)
        print(f"\n## {path.name}\n")
        volume.print()
        for level, report in reports.items():
            print(f"\n### gold by {level}")
            report.print()
    await _print_false_recalls(environment, people, files, other)


async def _print_false_recalls(
    environment: Environment,
    people: Sequence[tuple[Written, Conversation]],
    files: Sequence[str],
    other: Configuration | None,
) -> None:
    print("\n## False recalls: questions about three other people, and small talk\n")
    print("| memory of | configuration | asked | questions | with a recall | memories per question |")
    print("|---|---|---|---|---|---|")
    for name, configuration in (("server", Configuration()), ("other", other)):
        if configuration is None:
            continue
        found = await ask_strangers(environment, people, configuration.ranking, configuration.floor)
        for number, (file, recalls) in enumerate(zip(files, found, strict=True), start=1):
            for kind, counted in zip(("other people", "small talk"), recalls, strict=True):
                if counted is not None:
                    numbers = f"{counted.questions} | {counted.share:.2f} | {counted.memories:.1f}"
                    print(f"| {file}, {number} | {name} | {kind} | {numbers} |")


async def _ask(
    environment: Environment,
    written: Written,
    queries: Sequence[Query],
    reports: dict[str, Report],
    volume: Volume,
    other: Configuration | None,
) -> None:
    user_id, embedder = written.user_id, environment.middleware.associative.embedder
    clear = _Clear(written.memories)
    key = await environment.vault.key(user_id)
    for query in queries:
        # The words as the text's language has them, because the library has one term per word.
        terms = key.terms.query(query.text)
        lexical = SearchQuery(terms, floor=NO_FLOOR, ranking=Ranking(lexical_limit=_DEPTH))
        blind = dict(await _search(environment, user_id, lexical))
        # A long query is searched by its first and last terms only; the library would search for all terms.
        expected = clear.scores(query.text) if len(lexical.terms) == len(terms) else blind
        differences = [abs(expected.get(memory_id, 0.0) - score) for memory_id, score in blind.items()]
        volume.difference = max([volume.difference, *differences])
        ranked = {CLEAR: _order(expected), BLIND: _order(blind)}
        if embedder is not None:
            vector = key.rotation.apply(await embedder.embed_query(without_stamp(query.text)))
            semantic = SearchQuery([], vector, embedder.name, NO_FLOOR, Ranking(semantic_limit=_DEPTH))
            ranked[VECTORS] = [memory_id for memory_id, _ in await _search(environment, user_id, semantic)]
        for name, floor in ((FUSED, NO_FLOOR), (FLOORED, None)):
            started = time.perf_counter()
            found = await environment.recall.search(user_id, query.text, _DEPTH, floor)
            volume.ask_s += time.perf_counter() - started
            volume.asked += 1
            ranked[name] = [item.id for item in found]
        if other is not None:
            found = await environment.recall.search(user_id, query.text, _DEPTH, other.floor, other.ranking)
            ranked[OTHER] = [item.id for item in found]
        report = reports.setdefault(query.level, Report())
        # The constants were chosen with every second query of the public files. The others were not used for that.
        part = "held out" if report.count % 2 == 0 else "tuned on"
        report.count += 1
        for method, memory_ids in ranked.items():
            report.add(method, part, list(_targets(memory_ids, written, query)), query.gold, query.category)


async def _search(environment: Environment, user_id: UUID, query: SearchQuery) -> list[tuple[UUID, float]]:
    async with scoped(environment.vault.pool, user_id) as connection:
        hits = await ranked_hits(connection, environment.vault.statements, user_id, query, _DEPTH)
    return [(hit.memory_id, hit.bm25) for hit in hits]


class _Clear:
    """The library bm25s on the same tokens, unencrypted."""

    def __init__(self, memories: Sequence[Memory]) -> None:
        self._analyser = Analyser()
        self._ids = [memory.id for memory in memories]
        ranking = Ranking()
        self._index = bm25s.BM25(method="lucene", k1=ranking.k1, b=ranking.b, dtype="float64")
        if memories:
            self._index.index([self._tokens(memory) for memory in memories], show_progress=False)

    def _tokens(self, memory: Memory) -> list[str]:
        return [word.term for word in self._analyser.indexed(memory.text)]

    def scores(self, text: str) -> dict[UUID, float]:
        asked = list({word.term for word in self._analyser.indexed(without_stamp(text))})
        if not asked or not self._ids:
            return {}
        scores = self._index.get_scores(asked)
        return {memory_id: float(score) for memory_id, score in zip(self._ids, scores, strict=True) if score > 0}


def _order(scores: dict[UUID, float]) -> list[UUID]:
    """Best first, and equal scores by id. Scores are rounded, because the order of a sum changes its last digits."""
    return sorted(scores, key=lambda memory_id: (-round(scores[memory_id], _DIGITS), memory_id))[:_DEPTH]


def _targets(memory_ids: Sequence[UUID], written: Written, query: Query) -> Iterator[str]:
    seen: set[str] = set()
    for memory_id in memory_ids:
        for item in written.items[memory_id]:
            target = item.target(query.level)
            if target is not None and target not in seen:
                seen.add(target)
                yield target
