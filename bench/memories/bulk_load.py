"""Fills a database with many people's memories by binary COPY: a million rows in minutes.

The rows of the measured people are those that the server writes: encrypted contents, terms and vectors from their key.
The rows of the other users have random contents, words and signatures, but no vectors: a search reads only those of its
own user, and they would take 8 GB per million. Users are written in turn, so the rows of one person are scattered, as
in production. Indexes and constraints are created again at the end.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID, uuid4

import numpy as np
import psycopg
from numpy.typing import NDArray
from pgvector.psycopg import register_vector
from psycopg.sql import SQL, Identifier

from memory.crypto import Vectors
from memory.keys import UserKey
from memory.tiers import Document, content_purpose, document_key

ROUNDS: Final = 100
WORDS: Final = 20
COMMONEST: Final = 20
VOCABULARY: Final = 1_000
MODEL: Final = "synthetic"

_TABLES: Final = ("memory_associative", "memory_terms", "memory_signatures")
_CONTENT_BYTES: Final = 300
_SOURCE: Final = b"document"
_TOPICS: Final = 200
_IN_SESSION: Final = 20
_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER: Final = b"\xff\xff"


@dataclass(frozen=True, slots=True)
class Scale:
    """`users` other users with `ROUNDS` memories each, and one measured person for each of `sizes`."""

    users: int
    sizes: tuple[int, ...]

    @property
    def memories(self) -> int:
        """The number of memories of all users."""
        return self.users * ROUNDS + sum(self.sizes)


@dataclass(frozen=True, slots=True)
class Person:
    """A user whose recall is measured."""

    user_id: UUID
    key: UserKey
    size: int


def topics() -> Vectors:
    """The topics of texts: `_TOPICS` directions of 384 dimensions with a common mean, like the vectors of a model."""
    return np.random.default_rng(1).normal(0.7, 1, size=(_TOPICS, 384)).astype(np.float32)


def near(directions: Vectors, chooser: np.random.Generator, count: int) -> Vectors:
    """`count` vectors of length 1. Each is the sum of a topic and noise."""
    chosen = directions[chooser.integers(len(directions), size=count)]
    vectors = chosen + chooser.normal(0, 0.7, size=chosen.shape).astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def text(generator: random.Random, words: int) -> str:
    """Words with the frequencies of a language without its stop words: the most common is in every seventh memory."""
    return " ".join(f"w{int(COMMONEST * VOCABULARY ** generator.random())}" for _ in range(words))


def fill(conninfo: str, scale: Scale, people: Sequence[Person], *, vacuum: bool = True) -> None:
    """Write all rows. Blocks for minutes and prints its progress on stderr. `conninfo` is for a superuser.

    `vacuum` False: leaves the tables as a bulk write leaves them, with old statistics, and without autovacuum.
    """
    started = time.perf_counter()
    with psycopg.connect(conninfo, autocommit=True) as owner:
        register_vector(owner)
        owner.execute("SET synchronous_commit = off")
        owner.execute("SET maintenance_work_mem = '1GB'")
        # All referenced rows are written too, so the foreign keys need not be checked twenty million times.
        owner.execute("SET session_replication_role = replica")
        others = _add_users(owner, scale.users)
        if not vacuum:
            for table in _TABLES:
                owner.execute(SQL("ALTER TABLE {} SET (autovacuum_enabled = false)").format(Identifier(table)))
        definitions = _without_indexes(owner)
        _Rows(owner, others, people).write(started)
        _say(started, "signatures")
        # In the order in which the memories lie in their table, as the server would have written them.
        owner.execute(
            "INSERT INTO memory_signatures"
            " (user_id, memory_id, embedding_model, signature, length, session, created_at)"
            " SELECT user_id, id, %s,"
            " coalesce(binary_quantize(embedding)::bit(1536), ('x' || repeat(md5(id::text), 12))::bit(1536)), length,"
            " md5((row_number() OVER (PARTITION BY user_id ORDER BY ctid) / %s)::text)::uuid, created_at"
            " FROM memory_associative ORDER BY ctid",
            [MODEL, _IN_SESSION],
        )
        for definition in definitions:
            _say(started, definition)
            owner.execute(definition)
        if vacuum:
            _say(started, "VACUUM ANALYZE")
            owner.execute("VACUUM (FREEZE, ANALYZE)")
    _say(started, "filled")


class _Rows:
    def __init__(self, owner: psycopg.Connection, others: NDArray[np.void], people: Sequence[Person]) -> None:
        self._owner = owner
        self._others = others
        self._people = people
        self._words = random.Random(2)
        self._numbers = np.random.default_rng(2)
        self._topics = topics()

    def write(self, started: float) -> None:
        for number in range(ROUNDS):
            self._add_others(number)
            for person in self._people:
                self._add_own(person, person.size // ROUNDS)
            if number % 10 == 9:
                _say(started, f"{number + 1} of {ROUNDS} rounds")

    def _add_others(self, number: int) -> None:
        """Add one memory for each of the other users."""
        count = len(self._others)
        ids = _void(self._numbers.bytes(16 * count), 16)
        rows = _rows(count, _MEMORY)
        rows["user_id"], rows["id"] = self._others, ids
        rows["length_value"] = WORDS
        rows["content_digest"] = _void(number.to_bytes(16, "big") * count, 16)
        rows["source"] = _SOURCE
        self._copy(
            "COPY memory_associative (user_id, id, content_encrypted, length, content_digest, source)"
            " FROM STDIN (FORMAT binary)",
            rows,
        )
        words = (COMMONEST * VOCABULARY ** self._numbers.random(size=(count, WORDS))).astype(">u8")
        words.sort(axis=1)
        different = np.ones(words.shape, bool)
        different[:, 1:] = words[:, 1:] != words[:, :-1]
        places = np.nonzero(different)
        terms = _rows(len(places[0]), _TERM)
        terms["user_id"], terms["memory_id"] = self._others[places[0]], ids[places[0]]
        # Terms differ between users, as hashes do: half of the term is from the user's id.
        terms["term_user"] = self._others.view(">u8").reshape(-1, 2)[places[0], 0]
        terms["term_word"] = words[places]
        terms["tf_value"], terms["length_value"] = 1, WORDS
        self._copy("COPY memory_terms (user_id, term, memory_id, tf, length) FROM STDIN (FORMAT binary)", terms)

    def _copy(self, statement: str, rows: NDArray[np.void]) -> None:
        with self._owner.cursor().copy(statement) as copy:
            copy.write(_HEADER)
            copy.write(rows.tobytes())
            copy.write(_TRAILER)

    def _add_own(self, person: Person, count: int) -> None:
        if not count:
            return
        key, now = person.key, datetime.now(UTC)
        vectors = key.rotation.apply(near(self._topics, self._numbers, count))
        memories, terms = [], []
        for vector in vectors:
            said = text(self._words, WORDS)
            memory_id, content_digest = uuid4(), document_key(key, Document(said))
            document = key.terms.document(said)
            content = {"text": said, "when": None, "data": None}
            sealed = key.cipher.seal(content_purpose(content_digest), content)
            memories.append(
                (person.user_id, memory_id, sealed, vector, MODEL, document.length, content_digest, "document", now)
            )
            terms += [(person.user_id, term, memory_id, tf, document.length) for term, tf in document.counts.items()]
        cursor = self._owner.cursor()
        with cursor.copy(
            "COPY memory_associative (user_id, id, content_encrypted, embedding, embedding_model, length,"
            " content_digest, source, last_seen_at) FROM STDIN (FORMAT binary)"
        ) as copy:
            copy.set_types(["uuid", "uuid", "bytea", "vector", "text", "int4", "bytea", "text", "timestamptz"])
            for row in memories:
                copy.write_row(row)
        with cursor.copy("COPY memory_terms (user_id, term, memory_id, tf, length) FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(["uuid", "bytea", "uuid", "int4", "int4"])
            for term_row in terms:
                copy.write_row(term_row)


def _add_users(owner: psycopg.Connection, count: int) -> NDArray[np.void]:
    rows = owner.execute(
        "INSERT INTO users (user_id, email, password_hash)"
        " SELECT gen_random_uuid(), 'other' || n || '@example.com', 'none' FROM generate_series(1, %s) AS n"
        " RETURNING user_id",
        [count],
    ).fetchall()
    return _void(b"".join(user_id.bytes for (user_id,) in rows), 16)


def _without_indexes(owner: psycopg.Connection) -> list[str]:
    """Drop the tables' constraints and indexes. Returns the statements that create them again, in order."""
    tables = list(_TABLES)
    constraints = owner.execute(
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), contype"
        " FROM pg_constraint WHERE contype IN ('p', 'u', 'f')"
        " AND (conrelid::regclass::text = ANY (%(tables)s) OR confrelid::regclass::text = ANY (%(tables)s))"
        " ORDER BY array_position(ARRAY['p', 'u', 'f']::\"char\"[], contype), conname",
        {"tables": tables},
    ).fetchall()
    for table, name, *_ in reversed(constraints):
        owner.execute(SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(Identifier(table), Identifier(name)))
    indexes = owner.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = ANY (%s) ORDER BY indexname", [tables]
    ).fetchall()
    for name, _ in indexes:
        owner.execute(SQL("DROP INDEX {}").format(Identifier(name)))
    made: dict[str, list[str]] = {kind: [] for kind in "puf"}
    for table, name, definition, kind in constraints:
        made[kind].append(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")
    return [*made["p"], *made["u"], *(definition for _, definition in indexes), *made["f"]]


@dataclass(frozen=True, slots=True)
class _RowType:
    """One row of binary COPY. `lengths` has the values of the length fields."""

    dtype: np.dtype[np.void]
    lengths: Mapping[str, int]


def _row_type(*fields: tuple[str, int, Sequence[tuple[Any, ...]]]) -> _RowType:
    """The number of fields, then the length and the bytes of each. `fields` are name, length, parts."""
    parts: list[tuple[Any, ...]] = [("fields", ">i2")]
    for name, _, contents in fields:
        parts += [(f"{name}_bytes", ">i4"), *contents]
    return _RowType(np.dtype(parts), {f"{name}_bytes": length for name, length, _ in fields})


_MEMORY: Final = _row_type(
    ("user_id", 16, [("user_id", "V16")]),
    ("id", 16, [("id", "V16")]),
    ("content", _CONTENT_BYTES, [("content", f"V{_CONTENT_BYTES}")]),
    ("length", 4, [("length_value", ">i4")]),
    ("content_digest", 16, [("content_digest", "V16")]),
    ("source", len(_SOURCE), [("source", f"S{len(_SOURCE)}")]),
)
_TERM: Final = _row_type(
    ("user_id", 16, [("user_id", "V16")]),
    ("term", 16, [("term_user", ">u8"), ("term_word", ">u8")]),
    ("memory_id", 16, [("memory_id", "V16")]),
    ("tf", 4, [("tf_value", ">i4")]),
    ("length", 4, [("length_value", ">i4")]),
)


def _rows(count: int, row_type: _RowType) -> NDArray[np.void]:
    rows = np.zeros(count, row_type.dtype)
    rows["fields"] = len(row_type.lengths)
    for name, length in row_type.lengths.items():
        rows[name] = length
    return rows


def _void(content: bytes, size: int) -> NDArray[np.void]:
    return np.frombuffer(content, f"V{size}")


def _say(started: float, what: str) -> None:
    print(f"  {time.perf_counter() - started:5.0f} s  {what}", file=sys.stderr, flush=True)
