"""Associative memory: texts that are searched by words and by meaning. `memory/recall/search.py` searches its rows."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

import numpy as np
import trio

from memory.crypto import Cipher, Unreadable, Vectors
from memory.embedding import Embedder, EmbeddingError
from memory.keys import UserKey
from memory.segments import Entry, IndexLoader, LoadedIndexes, SegmentStore, StoredVector, in_rows, in_segments
from memory.tiers.documents import Content, Document, DocumentVectors, content_purpose, document_key
from memory.tiers.long_texts import worked_on
from memory.vault import IndexKind, Vault
from sql.driver import Connection, Cursor, storable
from sql.row_ids import new_row_id
from sql.statements import StatementName

logger = logging.getLogger(__name__)

MAX_TEXT_CHARS: Final = 20_000
_NEARBY: Final = 40
"""Memories with the nearest signatures that are compared to find a near duplicate, as in `associative_nearest`."""
_NO_VECTORS: Final = {"embedding": None, "message_embedding": None, "embedding_model": None}


class AssociativeMemory:
    """The associative tier of every user. `embedder` None: memories are found by their words only.

    Start `index_loader.run` in the server's nursery.
    """

    def __init__(
        self,
        vault: Vault,
        embedder: Embedder | None,
        *,
        near_duplicate_cosine: float = 0.95,
        loaded: LoadedIndexes | None = None,
    ) -> None:
        self._vault = vault
        self.segments = SegmentStore(vault, loaded)
        self.index_loader = IndexLoader(vault, self.segments)
        self.embedder = embedder
        self._near_duplicate_cosine = near_duplicate_cosine

    async def embed(self, documents: Sequence[Document]) -> list[DocumentVectors] | None:
        """The vectors of each document; None without an embedder, or if it fails."""
        if self.embedder is None or not documents:
            return None
        try:
            return await self.embedded(documents)
        # Error boundary of the embedding model, which may be a remote server: memory works without vectors.
        except Exception as error:  # noqa: BLE001
            logger.warning("embedding %d memories failed: %s", len(documents), type(error).__name__)
            return None

    async def embedded(self, documents: Sequence[Document]) -> list[DocumentVectors]:
        """The vectors of each document. Raises what the embedder raises."""
        if self.embedder is None:
            raise EmbeddingError("there is no embedding model", retryable=False)
        texts = [document.passage for document in documents]
        texts += [document.message for document in documents if document.message]
        vectors = np.asarray(await self.embedder.embed_documents(texts), np.float32)
        messages = iter(vectors[len(documents) :])
        return [
            DocumentVectors(vector, next(messages) if document.message else None)
            for document, vector in zip(documents, vectors, strict=False)
        ]

    async def put_in(
        self,
        connection: Connection,
        user_id: UUID,
        user_key: UserKey,
        documents: Sequence[Document],
        vectors: Sequence[DocumentVectors] | None,
        *,
        merge: bool = False,
        index: IndexKind | None = None,
    ) -> Sequence[Cursor]:
        """Store documents in a transaction of `Vault.writing`.

        Each cursor has one row, with the id of its document. Reading it takes a round trip inside the transaction.

        `vectors` are those of `embed`; None: no vectors. Documents that are the same memory have the same id.

        `merge`: a near duplicate from the same kind of source counts as the same memory and is updated. `index`: the
        one that has the user's memories (`SegmentStore.kind_of`); None: it is read.
        """
        cursors, statements = [], self._vault.statements
        if index is None:
            queued = await self.segments.queue_kind(connection, user_id)
            index = await self.segments.kind_of(connection, user_id, queued)
        rows, segments = in_rows(index), in_segments(index)
        entries: dict[bytes, DocumentVectors | None] = {}
        for number, document in enumerate(documents):
            own = None if vectors is None else vectors[number]
            values = await worked_on(document.text, user_key, partial(self._values, document=document, vectors=own))
            near = None
            if merge and own is not None:
                if not rows:
                    await self.seal_in(connection, user_key, entries)
                near = await self._near_duplicate(connection, user_key, document.text, values, None if rows else own)
            stored = values if rows else values | _NO_VECTORS
            old_key = values["content_digest"] if near is None else near[1]
            if rows:
                await connection.execute(statements["terms_delete"], values | {"content_digest": old_key})
            if near is None:
                cursors.append(await connection.execute(statements["associative_upsert"], stored))
            else:
                stored |= {"id": near[0], "hits": 1}
                cursors.append(await connection.execute(statements["associative_replace"], stored))
            if segments:
                entries[document_key(user_key, document)] = own
            if rows:
                await self._index(connection, values)
            if document.source_id is not None:
                await connection.execute(statements["source_add"], values)
            await trio.lowlevel.checkpoint()
        if segments:
            await self.seal_in(connection, user_key, entries)
        return cursors

    async def _index(self, connection: Connection, values: Mapping[str, object]) -> None:
        """Store the columns that PostgreSQL compares."""
        statements = self._vault.statements
        # Queueing a statement with long lists takes time, and lets no other task run.
        await trio.lowlevel.checkpoint()
        await connection.execute(statements["terms_insert"], values)
        await trio.lowlevel.checkpoint()
        await connection.execute(statements[_message_statement(values)], values)
        await connection.execute(statements["signature_set"], values)

    async def seal_in(
        self, connection: Connection, user_key: UserKey, vectors: dict[bytes, DocumentVectors | None]
    ) -> Sequence[Cursor]:
        """Add the entries of the memories with these document keys to the segments. Empties `vectors`.

        A memory whose content has changed, or can't be decrypted, has none. The rows of the cursors are the others.
        """
        if not vectors:
            return []
        values = {"user_id": user_key.user_id, "content_digests": list(vectors)}
        cursor = await connection.execute(self._vault.statements["segment_facts"], values)
        entries = []
        for row in await cursor.fetchall():
            with suppress(Unreadable):
                work = partial(self.entry, row=row, vectors=vectors[bytes(row[1])])
                entries.append(await worked_on(row[2], user_key, work))
        await self.segments.add_in(connection, user_key, entries)
        vectors.clear()
        return [cursor]

    def entry(self, user_key: UserKey, row: tuple[Any, ...], vectors: DocumentVectors | None) -> Entry:
        """The entry in a segment of a row that begins like those of `segment_facts`. Raises `Unreadable`."""
        id_, key, token, created_at, session = row[:5]
        terms = user_key.terms.document(self.read(user_key.cipher, bytes(key), token).text)
        entry = Entry.of(id_, terms.counts, terms.length, created_at, session)
        if vectors is None or self.embedder is None:
            return entry
        message = None if vectors.message is None else StoredVector.of(vectors.message, user_key.rotation)
        vector = StoredVector.of(vectors.text, user_key.rotation)
        return replace(entry, model=self.embedder.name, vector=vector, message=message)

    async def remove_in(self, connection: Connection, user_key: UserKey, ids: Sequence[UUID]) -> None:
        """Remove memories from the tier and from both indexes, in a transaction of `Vault.writing`."""
        values = {"user_id": user_key.user_id, "ids": list(ids)}
        await connection.execute(self._vault.statements["associative_forget"], values)
        await self.segments.remove_in(connection, user_key, ids)

    async def unembed_after_in(self, connection: Connection, user_key: UserKey, episodes: Sequence[UUID]) -> None:
        """Remove the vectors of the memories of the next turns, which include these episodes, and have them made again.

        In a transaction of `Vault.writing`.
        """
        values = {"user_id": user_key.user_id, "ids": list(episodes)}
        state = await self.segments.state_in(connection, user_key.user_id)
        if in_rows(state.kind):
            await connection.execute(self._vault.statements["associative_unembed_after"], values)
        if not in_segments(state.kind):
            return
        cursor = await connection.execute(self._vault.statements["associative_after"], values)
        await self.segments.without_vectors_in(connection, user_key, [row[0] for row in await cursor.fetchall()])

    def _values(self, user_key: UserKey, document: Document, vectors: DocumentVectors | None) -> dict[str, object]:
        text = document.text[:MAX_TEXT_CHARS]
        said_at = storable(document.when) if document.when is not None else None
        terms = user_key.terms.document(text)
        key = document_key(user_key, document)
        content = Content(text, said_at, document.data, document.said)
        entity_type, entity_id = document.entity or (None, None)
        return {
            "user_id": user_key.user_id,
            "id": new_row_id(),
            "content_encrypted": content.sealed_in(user_key.cipher, key),
            "content_digest": key,
            **self._vector_values(user_key, vectors),
            "length": terms.length,
            "terms": list(terms.counts),
            "tfs": list(terms.counts.values()),
            "entity_type": entity_type,
            "entity_id": entity_id,
            "source": document.source,
            "source_id": document.source_id,
            "at": said_at or datetime.now(UTC),
        }

    async def set_vectors_in(
        self, connection: Connection, user_key: UserKey, memories: Sequence[tuple[UUID, bytes, DocumentVectors]]
    ) -> Sequence[Cursor]:
        """Store the vectors of memories, each with its id and document key, unless their contents have changed.

        The sum of the cursors' `rowcount` is the number of stored ones, after the transaction, which is one of
        `Vault.writing`.
        """
        statements, stored = self._vault.statements, []
        kind = (await self.segments.state_in(connection, user_key.user_id)).kind
        if not in_rows(kind):
            return await self.seal_in(connection, user_key, {key: vectors for _, key, vectors in memories})
        for id_, key, vectors in memories:
            values = {"user_id": user_key.user_id, "id": id_, "content_digest": key}
            values |= self._vector_values(user_key, vectors)
            stored.append(await connection.execute(statements["associative_embed"], values))
            await connection.execute(statements[_message_statement(values)], values)
            await connection.execute(statements["signature_set"], values)
        if in_segments(kind):
            await self.seal_in(connection, user_key, {key: vectors for _, key, vectors in memories})
        return stored

    def _vector_values(self, user_key: UserKey, vectors: DocumentVectors | None) -> dict[str, object]:
        """The columns with the rotated vectors and the name of their model."""
        if vectors is None or self.embedder is None:
            return dict(_NO_VECTORS)
        both = [vectors.text] if vectors.message is None else [vectors.text, vectors.message]
        rotated = user_key.rotation.apply(np.asarray(both, np.float32))
        return {
            "embedding": rotated[0],
            "message_embedding": None if vectors.message is None else rotated[1],
            "embedding_model": self.embedder.name,
        }

    async def _near_duplicate(
        self,
        connection: Connection,
        user_key: UserKey,
        text: str,
        values: Mapping[str, object],
        sealed: DocumentVectors | None,
    ) -> tuple[UUID, bytes] | None:
        """(id, document key) of a memory with a similar vector and the same index terms as `text`.

        `sealed`: the vectors of `text`, to be compared in the sealed index; None: PostgreSQL compares them.

        A similar vector is not enough: "on Monday" and "on Tuesday", or two sums of money, have nearly the same vector.
        """
        same = await connection.execute(self._vault.statements["associative_by_digest"], values)
        nearest = None
        if sealed is None:
            nearest = await connection.execute(self._vault.statements["associative_nearest"], values)
        if await same.fetchone() is not None:
            return None  # the same document key: the upsert finds it
        if nearest is None and sealed is not None:
            row = await self._nearest_sealed(connection, user_key, sealed.text, values["source"])
        else:
            row = None if nearest is None else await nearest.fetchone()
        if row is None or row[3] < self._near_duplicate_cosine:
            return None
        id_, key, token = row[0], bytes(row[1]), bytes(row[2])
        try:
            old = self.read(user_key.cipher, key, token).text
        except Unreadable:
            return None
        repeats = await worked_on(old + text, user_key, lambda own: own.terms.same_words(old, text))
        return (id_, key) if repeats else None

    async def _nearest_sealed(
        self, connection: Connection, user_key: UserKey, vector: Vectors, source: object
    ) -> tuple[Any, ...] | None:
        """Like the statement `associative_nearest`, in the sealed index."""
        assert self.embedder is not None, "a text without an embedder has no vector"  # noqa: S101
        state = await self.segments.state_in(connection, user_key.user_id)
        index = await self.segments.load_in(connection, user_key, state.segments)
        cosines = index.nearest(self.embedder.name, vector, user_key.rotation, _NEARBY)
        values = {"user_id": user_key.user_id, "ids": list(cosines)}
        cursor = await connection.execute(self._vault.statements["memory_hits"], values)
        rows = [(*row[:3], cosines[row[0]]) for row in await cursor.fetchall() if row[5] == source]
        return max(rows, key=lambda row: row[3], default=None)

    def read(self, cipher: Cipher, key: bytes, token: bytes) -> Content:
        """Decrypt one row's content; `key` is its document key. Reports and raises `Unreadable`."""
        value = self._vault.unseal(cipher, "associative", content_purpose(bytes(key)), token)
        when = datetime.fromisoformat(value["when"]) if value["when"] is not None else None
        return Content(value["text"], when, value["data"], value.get("said"))


def _message_statement(values: Mapping[str, object]) -> StatementName:
    return "message_unset" if values["message_embedding"] is None else "message_set"
