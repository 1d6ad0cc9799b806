"""Associative memory: texts that are searched by words and by meaning. `memory/recall/search.py` searches its rows."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, Literal
from uuid import UUID

import numpy as np
import trio

from memory.crypto import Cipher, Purpose, Unreadable, Vectors, digest
from memory.embedding import Embedder, EmbeddingError, passage
from memory.keys import UserKey
from memory.segments import Entry, LoadedIndexes, SegmentStore, StoredVector
from memory.text import fragments_of
from memory.tiers.episodic import Exchange
from memory.tiers.long_texts import worked_on
from memory.vault import IndexKind, Vault
from sql.driver import Connection, Cursor, storable
from sql.row_ids import new_row_id
from sql.statements import StatementName

logger = logging.getLogger(__name__)

Source = Literal["episode", "mutation", "document"]

MAX_TEXT_CHARS: Final = 20_000
_NEARBY: Final = 40
"""Memories with the nearest signatures that are compared to find a near duplicate, as in `associative_nearest`."""
_NO_VECTORS: Final = {"embedding": None, "message_embedding": None, "embedding_model": None}


@dataclass(frozen=True, slots=True)
class Document:
    """A text to remember. `when`: the time it was said, in the person's time zone; None: not dated.

    `previous` is the turn before it: it makes the vector more precise, and is not stored. A later document of the same
    `entity` (type, id) replaces the earlier one. Without an entity, documents with the same text are one memory. `data`
    is stored with the text and not searched. `said`: the number of characters at the beginning of `text` that the
    person said; the assistant said the rest. None: the text is not from a conversation.
    """

    text: str
    when: datetime | None = None
    entity: tuple[str, str] | None = None
    source: Source = "document"
    source_id: UUID | None = None
    data: Mapping[str, Any] | None = None
    previous: str | None = None
    said: int | None = None

    @property
    def passage(self) -> str:
        """The text to embed."""
        return passage(self.text, self.previous)

    @property
    def message(self) -> str:
        """The person's message, if it is embedded alone too; "": it is not, or it would have the same vector."""
        message = self.text[: self.said or 0].strip()
        return "" if message == self.passage.strip() else message


@dataclass(frozen=True, slots=True)
class Content:
    """The encrypted part of a document. `said`: see `Document`."""

    text: str
    when: datetime | None
    data: Mapping[str, Any] | None
    said: int | None = None

    @property
    def message(self) -> str | None:
        """What the person said; None: that is not known, or the text is not from a conversation."""
        return None if self.said is None else self.text[: self.said].strip()

    @property
    def answer(self) -> str | None:
        """What the assistant said; None: like `message`."""
        return None if self.said is None else self.text[self.said :].strip()

    def sealed_in(self, cipher: Cipher, key: bytes) -> bytes:
        """Encrypted for the document with this document key."""
        when = self.when.isoformat() if self.when is not None else None
        said = {} if self.said is None else {"said": self.said}
        return cipher.seal(content_purpose(key), {"text": self.text, "when": when, "data": self.data, **said})


@dataclass(frozen=True, slots=True)
class DocumentVectors:
    """The vectors of one document, not rotated. `message` None: it is not embedded alone."""

    text: Vectors
    message: Vectors | None = None


def content_purpose(key: bytes) -> Purpose:
    """The purpose for encrypting a document's content."""
    return Purpose("memory_associative", "content_encrypted", key.hex(), f"associative:{key.hex()}")


def document_key(user_key: UserKey, document: Document) -> bytes:
    """The keyed digest by which a document is stored: two documents with the same key are the same memory."""
    if document.entity is not None:
        return digest(user_key.digest_key, "entity\0" + "\0".join(document.entity))
    return digest(user_key.digest_key, "text\0" + normalised(document.text))


def normalised(text: str) -> str:
    """The form in which two texts are the same memory: case, white space and closing punctuation are ignored."""
    return " ".join(text.casefold().split()).rstrip(".!? ")


class AssociativeMemory:
    """The associative tier of every user. `embedder` None: memories are found by their words only."""

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
        sealed = index == "sealed"
        entries: dict[bytes, DocumentVectors | None] = {}
        for number, document in enumerate(documents):
            own = None if vectors is None else vectors[number]
            values = await worked_on(document.text, user_key, partial(self._values, document=document, vectors=own))
            near = None
            if merge and own is not None:
                if sealed:
                    await self.seal_in(connection, user_key, entries)
                near = await self._near_duplicate(connection, user_key, document.text, values, own if sealed else None)
            stored = values | _NO_VECTORS if sealed else values
            old_key = values["content_digest"] if near is None else near[1]
            if not sealed:
                await connection.execute(statements["terms_delete"], values | {"content_digest": old_key})
            if near is None:
                cursors.append(await connection.execute(statements["associative_upsert"], stored))
            else:
                stored |= {"id": near[0], "hits": 1}
                cursors.append(await connection.execute(statements["associative_replace"], stored))
            if sealed:
                entries[document_key(user_key, document)] = own
            else:
                await self._index(connection, values)
            if document.source_id is not None:
                await connection.execute(statements["source_add"], values)
            await trio.lowlevel.checkpoint()
        if sealed:
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
        """Add the entries of the memories with these document keys to the sealed index. Empties `vectors`.

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
        """The entry in the sealed index of a row of the statement `segment_facts`. Raises `Unreadable`."""
        id_, key, token, created_at, session = row
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
        if (await self.segments.state_in(connection, user_key.user_id)).kind == "pgvector":
            await connection.execute(self._vault.statements["associative_unembed_after"], values)
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
        if (await self.segments.state_in(connection, user_key.user_id)).kind == "sealed":
            return await self.seal_in(connection, user_key, {key: vectors for _, key, vectors in memories})
        for id_, key, vectors in memories:
            values = {"user_id": user_key.user_id, "id": id_, "content_digest": key}
            values |= self._vector_values(user_key, vectors)
            stored.append(await connection.execute(statements["associative_embed"], values))
            await connection.execute(statements[_message_statement(values)], values)
            await connection.execute(statements["signature_set"], values)
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


def with_roles(content: Content, exchange: Exchange) -> Content:
    """`content` with the roles of the exchange from which it was learned, if its text still is that of the exchange."""
    message = exchange.message.strip()
    text = content.text
    if text == message or text.startswith(f"{message}\n"):
        return replace(content, said=min(len(message), len(text)))
    answered = exchange.response.casefold()
    fragments = [fragment.strip().casefold() for fragment in fragments_of(text)]
    # The message was left out, because it repeated recalled text.
    return replace(content, said=0) if all(fragment in answered for fragment in fragments) else content


def _message_statement(values: Mapping[str, object]) -> StatementName:
    return "message_unset" if values["message_embedding"] is None else "message_set"
