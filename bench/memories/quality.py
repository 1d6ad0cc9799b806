"""How much of what answers a question is found: by vectors, by words in the clear and blind, and by both together."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from uuid import UUID

import bm25s
import trio

from bench.memories.corpus import Conversation, Item, Query, read_corpus
from bench.memories.setting import Setting
from memory.associative import Document
from memory.ranking import NO_FLOOR, Ranking
from memory.search import SearchQuery, search
from memory.words import Analyser, without_stamp
from sql.tenant import scoped

CUTS: Final = (5, 10, 20)
_DEPTH: Final = 1000
VECTORS, CLEAR, BLIND = "vectors alone", "BM25 in the clear", "blind BM25"
FUSED, FLOORED = "fusion", "fusion, above floor"


@dataclass(slots=True)
class Tally:
    """Sums over queries: recall at each of `CUTS`, then the reciprocal rank of the first right one, and how many."""

    sums: list[float] = field(default_factory=lambda: [0.0] * (len(CUTS) + 1))
    count: int = 0

    def add(self, ranked: Sequence[str], gold: frozenset[str]) -> None:
        """One query's targets, best first."""
        for place, cut in enumerate(CUTS):
            self.sums[place] += len(gold.intersection(ranked[:cut])) / len(gold)
        self.sums[-1] += next((1 / rank for rank, target in enumerate(ranked, 1) if target in gold), 0.0)
        self.count += 1

    def means(self) -> list[float]:
        return [total / self.count for total in self.sums]


@dataclass(slots=True)
class Report:
    """The tallies of one file, by method and part; `difference` is the largest between a blind and a clear score."""

    tallies: dict[str, dict[str, Tally]] = field(default_factory=dict)
    difference: float = 0.0
    items: int = 0
    write_s: float = 0.0

    def add(self, method: str, number: int, ranked: list[str], query: Query) -> None:
        # The constants were chosen looking at every other query of the first file; those in between were not looked at.
        for part in ("all", "held out" if number % 2 == 0 else "tuned on"):
            self.tallies.setdefault(part, {}).setdefault(method, Tally()).add(ranked, query.gold)

    def print(self, name: str) -> None:
        rate = self.items / self.write_s if self.write_s else 0.0
        print(f"\n{name}: {self.items} items, written at {rate:.0f} a second, embedding included")
        print(f"largest difference between a blind and a clear BM25 score: {self.difference:.1e}")
        for part, methods in self.tallies.items():
            count = next(iter(methods.values())).count
            if part != "all" and count < 20:
                continue
            print(f"  {part} ({count} queries)".ljust(32) + "".join(f"  R@{cut:<4}" for cut in CUTS) + "  MRR")
            for method, tally in methods.items():
                print(f"    {method:<28}" + "".join(f"  {mean:.3f}" for mean in tally.means()))
            if VECTORS in methods:
                best = max(methods[method].means()[1] for method in (VECTORS, BLIND))
                fused = methods[FUSED].means()[1]
                print(f"    fusion against the better part, R@10: {fused - best:+.3f}")


async def measure_quality(setting: Setting, paths: Sequence[Path]) -> None:
    """Write each conversation as a person's memory, ask, and print a table per file and level of gold."""
    for path in paths:
        reports: dict[str, Report] = {}
        for conversation in read_corpus(path):
            report = reports.setdefault(conversation.level, Report())
            await _measure(setting, conversation, report)
            await trio.lowlevel.checkpoint()
        for level, report in reports.items():
            report.print(f"{path.name}, gold by {level}")


async def _measure(setting: Setting, conversation: Conversation, report: Report) -> None:
    store = setting.middleware.store
    user_id = await setting.person()
    documents = [Document(item.text, item.when, previous=item.previous) for item in conversation.items]
    started = time.perf_counter()
    ids = await store.add_documents(user_id, documents)
    report.write_s += time.perf_counter() - started
    report.items += len(documents)
    # Things said twice in the same words are one memory, which stands for all of them.
    held: dict[UUID, list[Item]] = {}
    for memory_id, item in zip(ids, conversation.items, strict=True):
        held.setdefault(memory_id, []).append(item)
    clear = _Clear({memory_id: items[-1] for memory_id, items in held.items()})
    key = await setting.vault.key(user_id)
    for number, query in enumerate(conversation.queries):
        terms = key.terms.query(query.text)
        lexical = SearchQuery(terms, floor=NO_FLOOR, ranking=Ranking(lexical_limit=_DEPTH))
        blind = dict(await _search(setting, user_id, lexical))
        expected = clear.scores(without_stamp(query.text)) if len(lexical.terms) == len(terms) else blind
        differences = [abs(expected.get(memory_id, 0.0) - score) for memory_id, score in blind.items()]
        report.difference = max([report.difference, *differences])
        ranked = {CLEAR: _order(expected), BLIND: _order(blind)}
        if store.embedder is not None:
            vector = key.rotation.apply(await store.embedder.embed_query(without_stamp(query.text)))
            ranking = Ranking(semantic_limit=_DEPTH)
            semantic = SearchQuery([], vector, store.embedder.name, NO_FLOOR, ranking)
            ranked[VECTORS] = [memory_id for memory_id, _ in await _search(setting, user_id, semantic)]
        for name, floor in ((FUSED, NO_FLOOR), (FLOORED, None)):
            found = await setting.recall.search(user_id, query.text, _DEPTH, floor)
            ranked[name] = [item.id for item in found]
        for method, memory_ids in ranked.items():
            report.add(method, number, list(_targets(memory_ids, held)), query)


async def _search(setting: Setting, user_id: UUID, query: SearchQuery) -> list[tuple[UUID, float]]:
    async with scoped(setting.vault.pool, user_id) as connection:
        hits = await search(connection, setting.vault.statements, user_id, query, _DEPTH)
    return [(hit.memory_id, hit.bm25) for hit in hits]


class _Clear:
    """bm25s over the same tokens, unencrypted."""

    def __init__(self, items: dict[UUID, Item]) -> None:
        self._analyser = Analyser()
        self._ids = list(items)
        ranking = Ranking()
        self._index = bm25s.BM25(method="lucene", k1=ranking.k1, b=ranking.b, dtype="float64")
        self._index.index([self._tokens(item) for item in items.values()], show_progress=False)

    def _tokens(self, item: Item) -> list[str]:
        tokens = [word.term for word in self._analyser.words(item.text)]
        return tokens + (self._analyser.date_terms(item.when) if item.when is not None else [])

    def scores(self, text: str) -> dict[UUID, float]:
        asked = list({word.term for word in self._analyser.words(text)})
        return {
            memory_id: float(score)
            for memory_id, score in zip(self._ids, self._index.get_scores(asked), strict=True)
            if score > 0
        }


def _order(scores: dict[UUID, float]) -> list[UUID]:
    return sorted(scores, key=lambda memory_id: -scores[memory_id])


def _targets(memory_ids: Sequence[UUID], held: dict[UUID, list[Item]]) -> Iterator[str]:
    seen: set[str] = set()
    for memory_id in memory_ids:
        for item in held[memory_id]:
            if item.target not in seen:
                seen.add(item.target)
                yield item.target
