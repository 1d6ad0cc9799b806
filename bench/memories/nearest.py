"""Methods to find one person's nearest vectors among those of all users: their time and their recall."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import numpy as np
import trio
from pgvector.psycopg import register_vector_async
from psycopg.sql import SQL, Composed, Literal

from memory.crypto import Vectors
from memory.recall import Ranking
from sql.driver import Connection, TrioConnection

CANDIDATES: Final = Ranking().semantic_limit
BEST: Final = (8, 20, CANDIDATES)
_EF_SEARCH: Final = (CANDIDATES, 2 * CANDIDATES)

_EXACT: Final = SQL(
    "SELECT id FROM memory_associative WHERE user_id = {user_id} AND embedding_model = {model}"
    " ORDER BY embedding <=> %(vector)s LIMIT {limit}"
)
# As in sql/statements/associative/memory_search.sql: candidates by signature, ranked by their vectors.
_BY_SIGNATURE: Final = SQL(
    "WITH near AS (SELECT memory_id AS id FROM memory_signatures"
    " WHERE user_id = {user_id} AND embedding_model = {model}"
    " ORDER BY signature <~> (SELECT binary_quantize(%(vector)s)::bit(1536)) LIMIT {limit})"
    " SELECT m.id FROM near JOIN memory_associative AS m ON m.user_id = {user_id} AND m.id = near.id"
    " ORDER BY m.embedding <=> %(vector)s"
)
_INDEX: Final = SQL(
    "CREATE INDEX bench_hnsw ON memory_signatures USING hnsw (signature bit_hamming_ops) WHERE user_id = {user_id}"
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A user with `size` memories, and the query vectors, rotated with the user's key."""

    user_id: UUID
    size: int
    queries: Sequence[Vectors]


@dataclass(slots=True)
class Way:
    """A method: times in milliseconds, and for each of `BEST` the share of the exact nearest that it found."""

    name: str
    taken: list[float] = field(default_factory=list)
    found: list[list[float]] = field(default_factory=list)

    def row(self) -> str:
        """As a row of a Markdown table."""
        p50, p95 = np.quantile(self.taken, [0.5, 0.95])
        shares = " | ".join(f"{100 * share:.1f}%" for share in np.mean(self.found, axis=0))
        return f"| {self.name} | {p50:.1f} | {p95:.1f} | {shares} |"


async def measure_nearest(conninfo: str, people: Sequence[Asked], model: str, hnsw_from: int) -> None:
    """Print a Markdown table.

    For people with at least `hnsw_from` memories, it also measures a temporary HNSW index.
    """
    print("\n| one person's nearest vectors | p50 ms | p95 ms | " + " | ".join(f"best {n}" for n in BEST) + " |")
    print("|---|---|---|" + "---|" * len(BEST), flush=True)
    async with await TrioConnection.connect(conninfo, autocommit=True) as owner:
        await register_vector_async(owner)
        await owner.execute("SET max_parallel_workers_per_gather = 0")
        await owner.execute("SET max_parallel_maintenance_workers = 0")
        await owner.execute("SET maintenance_work_mem = '1GB'")
        for person in people:
            size, queries = person.size, person.queries
            names: dict[str, Any] = {"user_id": person.user_id, "model": model, "limit": CANDIDATES}
            statements = {name: _filled(text, names) for name, text in (("exact", _EXACT), ("scan", _BY_SIGNATURE))}
            exact = Way(f"{size:,}: every vector compared")
            truth = [await _ask(owner, statements["exact"], query, exact, None) for query in queries]
            print(exact.row(), flush=True)
            scan = Way(f"{size:,}: {CANDIDATES} nearest of all signatures, then their vectors")
            for query, best in zip(queries, truth, strict=True):
                await _ask(owner, statements["scan"], query, scan, best)
            print(scan.row(), flush=True)
            if size >= hnsw_from:
                await _own_index(owner, person, names, truth)


async def _own_index(
    owner: Connection, person: Asked, names: Mapping[str, Any], truth: Sequence[Sequence[UUID]]
) -> None:
    started = time.perf_counter()
    await owner.execute(_filled(_INDEX, names))
    built = time.perf_counter() - started
    try:
        cursor = await owner.execute("SELECT pg_relation_size('bench_hnsw')")
        bytes_used = (await cursor.fetchall())[0][0]
        await owner.execute("SET hnsw.iterative_scan = relaxed_order")
        # The planner prefers the scan of signatures, because it underestimates its cost.
        await owner.execute("SET enable_indexonlyscan = off")
        await owner.execute("SET enable_sort = off")
        for ef_search in _EF_SEARCH:
            await owner.execute(SQL("SET hnsw.ef_search = {}").format(Literal(ef_search)))
            way = Way(f"{person.size:,}: HNSW per user, iterative, ef_search {ef_search}")
            for query, best in zip(person.queries, truth, strict=True):
                await _ask(owner, _filled(_BY_SIGNATURE, names), query, way, best)
            print(way.row(), flush=True)
        print(f"| (that index: built in {built:.0f} s, {bytes_used / 2**20:.0f} MB) | | | " + "| " * len(BEST))
    finally:
        with trio.CancelScope(shield=True):
            for name in ("hnsw.iterative_scan", "hnsw.ef_search", "enable_indexonlyscan", "enable_sort"):
                await owner.execute(SQL("RESET ") + SQL(name))
            await owner.execute("DROP INDEX bench_hnsw")


async def _ask(
    owner: Connection, statement: Composed, query: Vectors, way: Way, best: Sequence[UUID] | None
) -> list[UUID]:
    started = time.perf_counter()
    cursor = await owner.execute(statement, {"vector": query})
    ids = [row[0] for row in await cursor.fetchall()]
    way.taken.append((time.perf_counter() - started) * 1000)
    truth = ids if best is None else best
    way.found.append([len(set(truth[:count]) & set(ids)) / min(count, len(truth)) for count in BEST])
    return ids


def _filled(statement: SQL, names: Mapping[str, Any]) -> Composed:
    return statement.format(**{name: Literal(value) for name, value in names.items()})
