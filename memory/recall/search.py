"""Search among one user's memories: the query, the statement that answers it, and the hits.

The score of a memory adds four parts: BM25 over the words that it shares with the query, BM25 of its conversation, the
cosine of its vector, and its rank by cosine. Adding scaled scores does better than merging ranks, which ignores by
how much the best is better; docs/memory-search.md has the measurements. `sql/statements/associative/memory_search.sql`
does the ranking in PostgreSQL, over blind terms and rotated vectors, so nothing here needs a key.

In a pipeline, queue the statement with `search` and read its rows with `read_hits`. `ranked_hits` does both.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from memory.crypto import Vectors
from sql.driver import Connection, Cursor
from sql.statements import Statements

MAX_QUERY_TERMS: Final = 60
"""One bit each in `matched`, a bigint."""


_PLANNED_BY_INDEX: Final = b"""
SELECT
    set_config('plan_cache_mode', CASE
        WHEN min(reltuples) >= 1000 AND NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus')
            THEN 'force_generic_plan'
        ELSE 'force_custom_plan'
    END, true),
    set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
    set_config('enable_nestloop', 'off', true), set_config('enable_mergejoin', 'off', true),
    set_config('jit', 'off', true)
FROM pg_class
WHERE oid IN ('memory_associative'::regclass, 'memory_signatures'::regclass, 'memory_terms'::regclass)
"""
_PLANNED_AS_USUAL: Final = b"""
SELECT
    set_config('plan_cache_mode', 'auto', true),
    set_config('enable_seqscan', 'on', true), set_config('enable_bitmapscan', 'on', true),
    set_config('enable_nestloop', 'on', true), set_config('enable_mergejoin', 'on', true)
"""


@dataclass(frozen=True, slots=True)
class Ranking:
    """The constants of the ranking. They were measured on conversations that are not in this repository.

    The score is `lexical_weight * bm25 / max(bm25) + session_weight * session_bm25 / max(session_bm25)
    + semantic_weight * minmax(cosine) + rank_weight / (rank_offset + rank)`. `rank` is by cosine, from 1. The smallest
    cosine of `minmax` is that of all memories, estimated from their signatures.
    """

    k1: float = 1.5
    """BM25: how soon further occurrences of a word stop to raise the score."""
    b: float = 0.75
    """BM25: how strongly a long text lowers the score."""
    lexical_weight: float = 2.5
    """The weight of BM25 of the memory."""
    session_weight: float = 3.3
    """The weight of BM25 of all memories of the same conversation, taken as one text."""
    semantic_weight: float = 4.8
    """The weight of the cosine."""
    rank_weight: float = 4.4
    """The weight of the rank by cosine."""
    rank_offset: float = 5.0
    """Is added to the rank, so that the first ranks differ less."""
    lexical_limit: int = 64
    """How many candidates with the best BM25 scores are ranked."""
    semantic_limit: int = 100
    """How many candidates with the nearest signatures are ranked."""
    range_limit: int = 64
    """How many candidates of the range of time in the query are ranked."""
    range_weight: float = 3.0
    """Is added to the score of a memory of the range of time in the query."""
    multilingual_limit: int = 24
    """How many memories are found by the multilingual part of the vector alone; see `Multilingual`."""


@dataclass(frozen=True, slots=True)
class Floor:
    """A memory is recalled only if it reaches one of these two values; otherwise it is noise in the prompt.

    `coverage`: the share of the query's words that the memory contains, weighted by their rarity. It is 1 if it
    contains all of them, whatever its length. `cosine`: the cosine of the vectors. Typical values depend on the model
    (`Embedder.cosine_floor`). `unknown_weight`: the part of its weight that a word has if no memory contains it. So an
    unknown name in a question does not hide what the other words find.

    `coverage_weight`: for a model that was measured. A memory with a cosine is recalled only if the cosine, and
    `coverage_weight` times the share of the words, together reach `cosine`: a long text shares some words with any
    question. None: one of the two values is enough, also for a memory with a cosine.

    `spread_weight`: `cosine` is raised by this times the spread of the question, which is the standard deviation of its
    cosines with all of the user's memories. A question that is near to some topics and far from others has a higher
    best cosine by chance. `usual_spread` is joined with it, and counts as much as 8 memories.
    """

    coverage: float = 0.25
    cosine: float = 0.62
    unknown_weight: float = 0.5
    coverage_weight: float | None = None
    spread_weight: float = 0.0
    usual_spread: float = 0.0


NO_FLOOR = Floor(coverage=0.0, cosine=-1.0)
"""Lets every candidate through: for benchmarks."""


@dataclass(frozen=True, slots=True)
class TimeRange:
    """From `since` on, until before `until`."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class MultilingualQuery:
    """Finds memories in other languages, which are below the floor: `SearchQuery.vector` without its English part.

    `vector`: rotated, of length 1. `floor`: the least cosine. The hits are of any language; `memory.recall.foreign`
    leaves out those in the language of the question.
    """

    vector: Vectors
    floor: float


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """Blind terms, and optionally a rotated vector (1536 numbers) with the name of its model.

    `said` is the range of time that the query names. `whole_range`: all its memories are above the floor. At most
    `per_session` hits are of one conversation; None: any number. `also_model`: another model whose vectors are
    comparable.

    Of more than `MAX_QUERY_TERMS` terms the first and the last half are used, because a long message usually says at
    its beginning or its end what it is about.
    """

    terms: Sequence[bytes]
    vector: Vectors | None = None
    embedding_model: str | None = None
    floor: Floor = field(default=Floor())
    ranking: Ranking = field(default=Ranking())
    words: Sequence[int] | None = None
    """For each term the number of its word in the query. None: every term is another word."""
    said: TimeRange | None = None
    per_session: int | None = None
    multilingual: MultilingualQuery | None = None
    also_model: str | None = None
    whole_range: bool = False

    def __post_init__(self) -> None:
        if (self.vector is None) != (self.embedding_model is None):
            raise ValueError("a query vector and the name of its embedding model must be given together")
        if self.multilingual is not None and self.vector is None:
            raise ValueError("a query with a multilingual vector needs the whole vector too")
        if len(self.terms) > MAX_QUERY_TERMS:
            half = MAX_QUERY_TERMS // 2
            if self.words is not None:
                object.__setattr__(self, "words", [*self.words[:half], *self.words[-half:]])
            object.__setattr__(self, "terms", [*self.terms[:half], *self.terms[-half:]])

    @property
    def models(self) -> list[str]:
        """The models whose vectors are compared."""
        return [model for model in (self.embedding_model, self.also_model) if model is not None]

    def parameters(self, user_id: UUID, limit: int) -> dict[str, Any]:
        """The parameters of the statement `memory_search`, for at most `limit` hits."""
        return {
            "user_id": user_id,
            "terms": list(self.terms),
            "words": list(range(len(self.terms)) if self.words is None else self.words),
            "vector": self.vector,
            "embedding_models": self.models,
            "multilingual_vector": self.multilingual.vector if self.multilingual is not None else None,
            "multilingual_model": self.embedding_model if self.multilingual is not None else None,
            "multilingual_floor": self.multilingual.floor if self.multilingual is not None else None,
            "multilingual_limit": self.ranking.multilingual_limit if self.multilingual is not None else 0,
            "k1": self.ranking.k1,
            "b": self.ranking.b,
            "lexical_weight": self.ranking.lexical_weight,
            "session_weight": self.ranking.session_weight,
            "semantic_weight": self.ranking.semantic_weight,
            "rank_weight": self.ranking.rank_weight,
            "rank_offset": self.ranking.rank_offset,
            "range_weight": self.ranking.range_weight,
            "lexical_limit": self.ranking.lexical_limit,
            "semantic_limit": self.ranking.semantic_limit,
            "range_limit": self.ranking.range_limit if self.said is not None else 0,
            "since": self.said.since if self.said is not None else None,
            "until": self.said.until if self.said is not None else None,
            "range_floor": self.said is not None and self.whole_range,
            "per_session": limit if self.per_session is None else self.per_session,
            "coverage_floor": self.floor.coverage,
            "cosine_floor": self.floor.cosine,
            "unknown_weight": self.floor.unknown_weight,
            "coverage_weight": self.floor.coverage_weight,
            "spread_weight": self.floor.spread_weight,
            "usual_spread": self.floor.usual_spread,
            "limit": limit,
        }


@dataclass(frozen=True, slots=True)
class Hit:
    """A memory that was found, still encrypted, with its scores."""

    memory_id: UUID
    content_digest: bytes
    content_encrypted: bytes
    entity_type: str | None
    entity_id: str | None
    source: str
    source_id: UUID | None
    created_at: datetime
    last_seen_at: datetime
    rank: int
    """From 1."""
    score: float
    bm25: float
    coverage: float
    """The share of the query's words that it contains, weighted by their rarity; see `Floor`."""
    cosine: float | None
    """None if the query has no vector, or the memory has no vector of that model."""
    matched: tuple[bytes, ...]
    """The query's terms that the memory contains; `AskedTerms.written` maps them to words."""
    exact: bool
    """Whether all vectors were compared; False if only those with the nearest signatures were."""
    multilingual_cosine: float | None = None
    """The cosine with `MultilingualQuery.vector` of a memory below the floor; None: it is above the floor."""
    vectors: int = 0
    """How many of the user's memories have a vector that was compared."""
    beside: tuple[tuple[UUID, bytes] | None, tuple[UUID, bytes] | None] = (None, None)
    """The exchanges before and after it in its conversation: ids, and encrypted summaries."""


async def search(
    connection: Connection, statements: Statements, user_id: UUID, query: SearchQuery, limit: int
) -> Cursor:
    """Execute the statement `memory_search` in the open transaction, by a plan that does not depend on statistics."""
    await planned_by_index(connection)
    cursor = await connection.execute(statements["memory_search"], query.parameters(user_id, limit), prepare=True)
    await connection.execute(_PLANNED_AS_USUAL)
    return cursor


async def planned_by_index(connection: Connection) -> None:
    """Plan the next statements of the transaction with index scans and hash joins only.

    A connection plans the search once, because that takes as long as searching 1,000 memories. The plan fits users with
    few and with many memories, and tables that were just written: no choice is left that depends on the number of rows.
    If the statistics know fewer than 1,000 rows of a table, its indexes look alike, so the search is planned each time.
    New statistics make a connection plan again. Citus chooses a user's node by the values, so it plans each time too.
    """
    await connection.execute(_PLANNED_BY_INDEX)


async def ranked_hits(
    connection: Connection, statements: Statements, user_id: UUID, query: SearchQuery, limit: int
) -> list[Hit]:
    """The user's best memories for `query`, best first, at most `limit`, and then those of `query.multilingual`.

    Raises psycopg's errors.
    """
    cursor = await search(connection, statements, user_id, query, limit)
    return read_hits(await cursor.fetchall(), query)


def read_hits(rows: Iterable[tuple[Any, ...]], query: SearchQuery) -> list[Hit]:
    """The rows of `memory_search`, in their order."""
    return [_hit(rank, row, query.terms) for rank, row in enumerate(rows, start=1)]


def _hit(rank: int, row: tuple[Any, ...], terms: Sequence[bytes]) -> Hit:
    memory_id, content_digest, content, entity_type, entity_id, source, source_id, created_at, last_seen_at = row[:9]
    score, bm25, coverage, cosine, matched, exact, multilingual_cosine, vectors = row[9:17]
    neighbours = [(row[at], bytes(row[at + 1])) if row[at] is not None else None for at in range(17, len(row), 2)]
    return Hit(
        memory_id=memory_id,
        content_digest=bytes(content_digest),
        content_encrypted=bytes(content),
        entity_type=entity_type,
        entity_id=entity_id,
        source=source,
        source_id=source_id,
        created_at=created_at,
        last_seen_at=last_seen_at,
        rank=rank,
        score=score,
        bm25=bm25,
        coverage=coverage or 0.0,
        cosine=cosine,
        matched=tuple(term for bit, term in enumerate(terms) if matched >> bit & 1),
        exact=exact,
        multilingual_cosine=multilingual_cosine,
        vectors=vectors,
        beside=(neighbours[0], neighbours[1]) if neighbours else (None, None),
    )
