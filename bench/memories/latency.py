"""How long recalling and storing take, for users of several sizes among the rows of many others."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid4

import numpy as np
import trio

from bench.memories.setting import Setting, open_setting
from memory.associative import Document
from memory.rotation import Vectors
from sql.connection import TrioConnection

_ROUNDS: Final = 100
_QUERIES: Final = 100
_COMMONEST: Final = 20
_VOCABULARY: Final = 1_000
_WORDS: Final = 20


@dataclass(frozen=True, slots=True)
class Scale:
    """`users` others with `_ROUNDS` memories each, and one user of each of `sizes`, written in turns."""

    users: int
    sizes: tuple[int, ...]


SMALL: Final = Scale(users=1_000, sizes=(1_000, 10_000))
LARGE: Final = Scale(users=10_000, sizes=(1_000, 10_000, 100_000))


class SyntheticEmbedder:
    """Takes no time: a text's vector is that of one of 200 topics and some noise, unit length, with a common mean."""

    name: Final = "synthetic"
    dimensions: Final = 384
    cosine_floor: Final = 0.62

    def __init__(self) -> None:
        self._random = np.random.default_rng(1)
        self._topics: Vectors = self._random.normal(0.7, 1, size=(200, self.dimensions)).astype(np.float32)

    async def embed_query(self, text: str) -> Vectors:
        """See `Embedder`."""
        vectors = await self.embed_documents([text])
        return np.asarray(vectors[0], np.float32)

    async def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder`."""
        topics = self._topics[self._random.integers(len(self._topics), size=len(texts))]
        vectors = topics + self._random.normal(0, 0.7, size=topics.shape).astype(np.float32)
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def text(generator: random.Random, words: int) -> str:
    """Words as unevenly frequent as a language's without its stop words: the commonest is in every seventh memory."""
    return " ".join(f"w{int(_COMMONEST * _VOCABULARY ** generator.random())}" for _ in range(words))


async def measure_latency(scale: Scale) -> None:
    """Fill a database, and print times in milliseconds."""
    generator = random.Random(1)
    async with open_setting(SyntheticEmbedder(), durable=True) as setting:
        people = {size: await setting.person() for size in scale.sizes}
        started = time.perf_counter()
        await _fill(setting, scale, people, generator)
        others = scale.users * _ROUNDS
        print(
            f"filled in {time.perf_counter() - started:.0f} s: {others + sum(scale.sizes):,} memories in all",
            flush=True,
        )
        await _print_sizes(setting)
        for size, user_id in people.items():
            for _ in range(5):  # to open the key and to prepare the statements
                await setting.middleware.enrich_context(user_id, text(generator, 8))

            async def recall(user_id: UUID = user_id) -> object:
                return await setting.middleware.enrich_context(user_id, text(generator, 8))

            await _print_times(f"enrich_context, {size:,} memories", recall)
        user_id = people[max(scale.sizes)]

        async def store() -> object:
            message, response = text(generator, _WORDS), text(generator, _WORDS * 3)
            return await setting.middleware.store_episode(user_id, "session", message, response, uuid4())

        await _print_times("store_episode, until durable", store)
        started = time.perf_counter()
        enriched = 0
        while count := await setting.middleware.enrichment.run_once():
            enriched += count
        rate = enriched / (time.perf_counter() - started)
        print(f"background enrichment: {rate:.0f} episodes a second, the embedding not counted", flush=True)


async def _fill(setting: Setting, scale: Scale, people: dict[int, UUID], generator: random.Random) -> None:
    """Everybody's memories in turns, so that one user's rows lie apart, as they do in life."""
    async with await TrioConnection.connect(setting.conninfo, autocommit=True) as owner:
        await owner.execute("SET synchronous_commit = off")
        # Others' rows come from here alone: their foreign keys need not be checked twenty million times.
        await owner.execute("SET session_replication_role = replica")
        await owner.execute(
            "INSERT INTO users (user_id, email, password_hash)"
            " SELECT gen_random_uuid(), 'other' || n || '@example.com', 'none' FROM generate_series(1, %s) AS n",
            [scale.users],
        )
        await owner.execute(
            "CREATE TEMPORARY TABLE vectors AS SELECT n,"
            " (SELECT array_agg(random() - 0.5) FROM generate_series(1, 1536) WHERE n > 0)::vector(1536) AS embedding"
            " FROM generate_series(1, 200) AS n"
        )
        for number in range(_ROUNDS):
            await owner.execute(
                _OTHERS, {"round": number, "words": _WORDS, "commonest": _COMMONEST, "vocabulary": _VOCABULARY}
            )
            for size, user_id in people.items():
                batch = [Document(text(generator, _WORDS)) for _ in range(size // _ROUNDS)]
                await setting.middleware.store.add_documents(user_id, batch)
        await owner.execute("VACUUM ANALYZE")


# What the store would write, but for contents and words that nobody will read.
_OTHERS: Final = """
WITH added AS (
    INSERT INTO memory_associative
        (user_id, content_encrypted, embedding, embedding_model, length, content_digest, source)
    SELECT user_id, decode(repeat('00', 300), 'hex'), embedding, 'synthetic', %(words)s,
        decode(md5(%(round)s::text), 'hex'), 'document'
    FROM users JOIN vectors ON n = 1 + abs(hashtext(user_id::text || %(round)s)) %% 200
    WHERE email LIKE 'other%%'
    RETURNING user_id, id
)
INSERT INTO memory_terms (user_id, term, memory_id, tf, length)
SELECT DISTINCT
    user_id, decode(md5(user_id || floor(%(commonest)s * %(vocabulary)s ^ random())::text), 'hex'), id, 1, %(words)s
FROM added, generate_series(1, %(words)s)
"""


async def _print_sizes(setting: Setting) -> None:
    async with await TrioConnection.connect(setting.conninfo, autocommit=True) as owner:
        cursor = await owner.execute(
            "SELECT relname, pg_size_pretty(pg_table_size(oid)), pg_size_pretty(pg_indexes_size(oid))"
            " FROM pg_class WHERE relname IN ('memory_associative', 'memory_terms')"
        )
        for name, table, indexes in await cursor.fetchall():
            print(f"  {name}: {table}, indexes {indexes}", flush=True)


async def _print_times(name: str, operation: Callable[[], Awaitable[Any]]) -> None:
    taken = []
    for _ in range(_QUERIES):
        started = time.perf_counter()
        await operation()
        taken.append((time.perf_counter() - started) * 1000)
        await trio.lowlevel.checkpoint()
    p50, p95 = np.quantile(taken, [0.5, 0.95])
    # On a busy machine the least tells most about the work itself.
    print(f"{name:<36} least {min(taken):7.1f} ms   p50 {p50:7.1f} ms   p95 {p95:7.1f} ms", flush=True)
