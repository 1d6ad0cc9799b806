"""Search among one user's memories: what is asked, the statement that answers it, and what comes back.

The statement ranks blind terms and rotated vectors; nothing here needs a key. In a pipeline, queue the statement with
`SearchQuery.parameters` and read it with `read_hits` when its turn comes; `search` does both.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from memory.crypto import Vectors
from memory.recall.ranking import Floor, Ranking
from sql.driver import Connection
from sql.statements import Statements

MAX_QUERY_TERMS: Final = 60
"""One bit each in `matched`, a bigint."""


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """Blind terms, and a rotated vector (1536 numbers) with the name of its model, or neither of the two.

    Of more than `MAX_QUERY_TERMS` terms the first and the last ones are used: a long message says at one of its ends
    what it is about.
    """

    terms: Sequence[bytes]
    vector: Vectors | None = None
    embedding_model: str | None = None
    floor: Floor = field(default=Floor())
    ranking: Ranking = field(default=Ranking())

    def __post_init__(self) -> None:
        if (self.vector is None) != (self.embedding_model is None):
            raise ValueError("a vector needs the name of its model, and the name a vector")
        if len(self.terms) > MAX_QUERY_TERMS:
            half = MAX_QUERY_TERMS // 2
            object.__setattr__(self, "terms", [*self.terms[:half], *self.terms[-half:]])

    def parameters(self, user_id: UUID, limit: int) -> dict[str, Any]:
        """What the statement `memory_search` takes, for at most `limit` hits."""
        return {
            "user_id": user_id,
            "terms": list(self.terms),
            "vector": self.vector,
            "embedding_model": self.embedding_model,
            "k1": self.ranking.k1,
            "b": self.ranking.b,
            "weight": self.ranking.weight,
            "lexical_limit": self.ranking.lexical_limit,
            "semantic_limit": self.ranking.semantic_limit,
            "coverage_floor": self.floor.coverage,
            "cosine_floor": self.floor.cosine,
            "limit": limit,
        }


@dataclass(frozen=True, slots=True)
class Hit:
    """A memory that was found, still encrypted, and why."""

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
    """The share of the query's words, weighted by their rarity; see `Floor`."""
    cosine: float | None
    """None when there was no query vector, or the memory has none of that model."""
    matched: tuple[bytes, ...]
    """The query's terms that the memory has; `BlindTerms.query_words` has their words."""
    exact: bool
    """Whether every memory's vector was compared, rather than those whose signatures were nearest."""


async def search(
    connection: Connection, statements: Statements, user_id: UUID, query: SearchQuery, limit: int
) -> list[Hit]:
    """The user's memories that fit best, best first, at most `limit`, none below the floor. Raises psycopg's errors."""
    cursor = await connection.execute(statements["memory_search"], query.parameters(user_id, limit))
    return read_hits(await cursor.fetchall(), query)


def read_hits(rows: Iterable[tuple[Any, ...]], query: SearchQuery) -> list[Hit]:
    """The rows of `memory_search`, in their order."""
    return [_hit(rank, row, query.terms) for rank, row in enumerate(rows, start=1)]


def _hit(rank: int, row: tuple[Any, ...], terms: Sequence[bytes]) -> Hit:
    memory_id, content_digest, content, entity_type, entity_id, source, source_id, created_at, last_seen_at = row[:9]
    score, bm25, coverage, cosine, matched, exact = row[9:]
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
    )
