"""Compares the two indexes of memories: processor time of a search, and bytes, for the same memories."""

from __future__ import annotations

import random
import time
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from uuid import UUID

import numpy as np
import trio

from bench.memories.bulk_load import Person, Scale, fill, near, text, topics
from bench.memories.environment import Environment, open_environment
from bench.memories.latency import SyntheticEmbedder
from memory.crypto import Vectors
from memory.maintenance import IndexChange
from sql.driver import TrioConnection

INDEXED: Final = Scale(users=0, sizes=(10_000, 100_000))
_QUERIES: Final = 100
_ASKED_WORDS: Final = 8
_TICKS_PER_S: Final = 100
_BYTES: Final = """
SELECT
    (SELECT coalesce(sum(pg_column_size(t.*) + 28), 0) FROM memory_terms AS t WHERE t.user_id = %(user_id)s)
    + (SELECT coalesce(sum(pg_column_size(t.*) + 28), 0) FROM memory_signatures AS t WHERE t.user_id = %(user_id)s)
    + (SELECT coalesce(sum(pg_column_size(t.embedding)), 0) FROM memory_associative AS t WHERE t.user_id = %(user_id)s),
    (SELECT coalesce(sum(pg_column_size(s.*)), 0) FROM memory_segments AS s WHERE s.user_id = %(user_id)s)
"""


class RepeatableEmbedder(SyntheticEmbedder):
    """Equal questions have equal vectors."""

    async def embed_query(self, text: str) -> Vectors:
        """See `Embedder`."""
        return near(topics(), np.random.default_rng(zlib.crc32(text.encode())), 1)[0]


async def measure_indexes() -> None:
    """Fill a database, search it with both indexes, and print a Markdown table."""
    async with open_environment(RepeatableEmbedder(), durable=False) as environment:
        people = []
        for size in INDEXED.sizes:
            user_id = await environment.person()
            people.append(Person(user_id, await environment.vault.key(user_id), size))
        await trio.to_thread.run_sync(fill, environment.conninfo, INDEXED, people)
        async with await TrioConnection.connect(environment.conninfo, autocommit=True) as owner:
            # These memories come from no stored exchange, so they have no conversation.
            await owner.execute("UPDATE memory_signatures SET session = NULL")
            await owner.execute("VACUUM FULL memory_signatures")
        print(
            "\n| index | memories | server ms | PostgreSQL ms | p50 ms | bytes per memory |\n|---|---|---|---|---|---|"
        )
        for person in people:
            found = await _measure(environment, "pgvector", person)
            environment.vault.index = "sealed"
            started = time.perf_counter()
            await IndexChange(environment.vault, environment.middleware.associative).user(person.user_id)
            took = time.perf_counter() - started
            same = sum(
                one == other for one, other in zip(found, await _measure(environment, "sealed", person), strict=True)
            )
            environment.vault.index = "pgvector"
            index = environment.middleware.associative.segments.loaded
            print(
                f"| same hits for {same} of {_QUERIES} questions; moved in {took:.0f} s;"
                f" {index.size / person.size:,.0f} bytes per memory loaded | | | | | |",
                flush=True,
            )


async def _measure(environment: Environment, name: str, person: Person) -> list[list[UUID]]:
    """Print a row of the table. Returns the ids of the hits of each query."""
    generator, found, taken = random.Random(4), [], []
    asked = [text(generator, _ASKED_WORDS) for _ in range(_QUERIES)]
    for question in asked[:10]:
        await environment.recall.search(person.user_id, question, 8)
    async with await TrioConnection.connect(environment.conninfo, autocommit=True) as owner:
        pids = [pid for (pid,) in await (await owner.execute("SELECT pid FROM pg_stat_activity")).fetchall()]
        before, own = _ticks(pids), time.process_time()
        for question in asked:
            started = time.perf_counter()
            hits = await environment.recall.search(person.user_id, question, 8)
            taken.append((time.perf_counter() - started) * 1000)
            found.append([hit.id for hit in hits])
        own, database = time.process_time() - own, (_ticks(pids) - before) / _TICKS_PER_S
        sizes = await (await owner.execute(_BYTES, {"user_id": person.user_id})).fetchone()
    stored = max(sizes or (0, 0))
    print(
        f"| {name} | {person.size:,} | {own * 1000 / _QUERIES:.1f} | {database * 1000 / _QUERIES:.1f} |"
        f" {sorted(taken)[_QUERIES // 2]:.1f} | {stored / person.size:,.0f} |",
        flush=True,
    )
    return found


def _ticks(pids: Sequence[int]) -> int:
    """Processor time of these processes, in hundredths of a second."""
    total = 0
    for pid in pids:
        path = Path(f"/proc/{pid}/stat")
        if path.exists():
            fields = path.read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
    return total
