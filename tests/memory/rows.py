"""Rows of the associative tier, inserted directly, so that search is tested alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from psycopg.sql import SQL, Identifier

from memory.crypto.blind_terms import BlindTerms
from memory.crypto.rotation import Rotation, Vectors
from sql.driver.connection import Connection
from sql.pool import Pool

MODEL = "test-model"


@dataclass(frozen=True, slots=True)
class Person:
    """A user in the database, with the blind terms and the rotation of their key."""

    user_id: UUID
    terms: BlindTerms
    rotation: Rotation


@asynccontextmanager
async def seeing(pool: Pool, user_id: UUID) -> AsyncIterator[Connection]:
    """A transaction with the server's role for this user."""
    async with pool.connection() as connection, connection.transaction():
        await connection.execute("SET LOCAL ROLE tessera_server")
        await connection.execute("SELECT set_config('app.user_id', %s, true)", [str(user_id)])
        yield connection


async def add_person(pool: Pool, key: bytes) -> Person:
    """A new user whose memories are encrypted with `key`."""
    person = Person(uuid4(), BlindTerms(key), Rotation(key))
    async with seeing(pool, person.user_id) as connection:
        await connection.execute(
            "INSERT INTO users (user_id, email, password_hash) VALUES (%s, %s, 'x')",
            [person.user_id, f"{person.user_id}@example.com"],
        )
    return person


async def add_memories(
    pool: Pool,
    person: Person,
    texts: Sequence[str],
    vectors: Vectors | None = None,
    model: str = MODEL,
    *,
    sessions: Sequence[UUID | None] | None = None,
    times: Sequence[datetime] | None = None,
) -> list[UUID]:
    """Insert a memory per text, with its rotated vector, its conversation and its time; returns their ids."""
    ids = [uuid4() for _ in texts]
    async with seeing(pool, person.user_id) as connection, connection.cursor() as cursor:
        documents = [person.terms.document(text) for text in texts]
        rotated = None if vectors is None else person.rotation.apply(vectors)
        await cursor.executemany(
            "INSERT INTO memory_associative"
            " (user_id, id, content_encrypted, embedding, embedding_model, length, content_digest, source)"
            " VALUES (%s, %s, %s, %s::vector, %s, %s, %s, 'document')",
            [
                (
                    person.user_id,
                    memory_id,
                    text.encode(),
                    None if rotated is None else rotated[place],
                    None if rotated is None else model,
                    document.length,
                    memory_id.bytes,
                )
                for place, (memory_id, text, document) in enumerate(zip(ids, texts, documents, strict=True))
            ],
        )
        await cursor.execute(
            "INSERT INTO memory_signatures (user_id, memory_id, embedding_model, signature, length)"
            " SELECT user_id, id, embedding_model, binary_quantize(embedding)::bit(1536), length"
            " FROM memory_associative ON CONFLICT DO NOTHING"
        )
        for column, values in (("session", sessions), ("created_at", times)):
            if values is not None:
                await cursor.executemany(
                    SQL("UPDATE memory_signatures SET {} = %s WHERE memory_id = %s").format(Identifier(column)),
                    list(zip(values, ids, strict=True)),
                )
        await cursor.executemany(
            "INSERT INTO memory_terms (user_id, term, memory_id, tf, length) VALUES (%s, %s, %s, %s, %s)",
            [
                (person.user_id, term, memory_id, tf, document.length)
                for memory_id, document in zip(ids, documents, strict=True)
                for term, tf in document.counts.items()
            ],
        )
    return ids
