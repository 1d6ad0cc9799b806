"""Associative memory: texts that are searched by words and by meaning. `memory/recall/search.py` searches its rows."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, Literal
from uuid import UUID

import numpy as np
import trio

from memory.crypto import Cipher, Purpose, Unreadable, Vectors, digest
from memory.embedding import Embedder, EmbeddingError, passage
from memory.keys import UserKey
from memory.text import fragments_of
from memory.tiers.episodic import Exchange
from memory.vault import Vault
from sql.driver import Connection, Cursor, storable
from sql.row_ids import new_row_id
from sql.statements import StatementName

logger = logging.getLogger(__name__)

Source = Literal["episode", "mutation", "document"]

MAX_TEXT_CHARS: Final = 20_000


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

    def __init__(self, vault: Vault, embedder: Embedder | None, *, near_duplicate_cosine: float = 0.95) -> None:
        self._vault = vault
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
    ) -> list[UUID]:
        """Store documents in a transaction of `Vault.writing`; returns their ids in order.

        `vectors` are those of `embed`; None: no vectors. Documents that are the same memory have the same id.

        `merge`: a near duplicate from the same kind of source counts as the same memory and is updated.
        """
        cursors = []
        for number, document in enumerate(documents):
            values = self._values(user_id, user_key, document, None if vectors is None else vectors[number])
            near = None
            if merge and vectors is not None:
                near = await self._near_duplicate(connection, user_key, document.text, values)
            statements = self._vault.statements
            if near is None:
                await connection.execute(statements["terms_delete"], values)
                cursors.append(await connection.execute(statements["associative_upsert"], values))
            else:
                id_, old_key = near
                await connection.execute(statements["terms_delete"], values | {"content_digest": old_key})
                values |= {"id": id_, "hits": 1}
                cursors.append(await connection.execute(statements["associative_replace"], values))
            await connection.execute(statements["terms_insert"], values)
            await connection.execute(statements[_message_statement(values)], values)
            await connection.execute(statements["signature_set"], values)
            if document.source_id is not None:
                await connection.execute(statements["source_add"], values)
            await trio.lowlevel.checkpoint()
        return [(await cursor.fetchall())[0][0] for cursor in cursors]

    def _values(
        self, user_id: UUID, user_key: UserKey, document: Document, vectors: DocumentVectors | None
    ) -> dict[str, object]:
        text = document.text[:MAX_TEXT_CHARS]
        said_at = storable(document.when) if document.when is not None else None
        terms = user_key.terms.document(text)
        key = document_key(user_key, document)
        content = Content(text, said_at, document.data, document.said)
        entity_type, entity_id = document.entity or (None, None)
        return {
            "user_id": user_id,
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
        self, connection: Connection, user_key: UserKey, row: Mapping[str, object], vectors: DocumentVectors
    ) -> Cursor:
        """Store the vectors of a memory, unless its contents have changed. `rowcount` says it after the transaction.

        `row` has `user_id`, `id` and `content_digest`. In a transaction of `Vault.writing`.
        """
        statements, values = self._vault.statements, {**row, **self._vector_values(user_key, vectors)}
        stored = await connection.execute(statements["associative_embed"], values)
        await connection.execute(statements[_message_statement(values)], values)
        await connection.execute(statements["signature_set"], values)
        return stored

    def _vector_values(self, user_key: UserKey, vectors: DocumentVectors | None) -> dict[str, object]:
        """The columns with the rotated vectors and the name of their model."""
        if vectors is None or self.embedder is None:
            return {"embedding": None, "message_embedding": None, "embedding_model": None}
        both = [vectors.text] if vectors.message is None else [vectors.text, vectors.message]
        rotated = user_key.rotation.apply(np.asarray(both, np.float32))
        return {
            "embedding": rotated[0],
            "message_embedding": None if vectors.message is None else rotated[1],
            "embedding_model": self.embedder.name,
        }

    async def _near_duplicate(
        self, connection: Connection, user_key: UserKey, text: str, values: Mapping[str, object]
    ) -> tuple[UUID, bytes] | None:
        """(id, document key) of a memory with a similar vector and the same index terms as `text`.

        A similar vector is not enough: "on Monday" and "on Tuesday", or two sums of money, have nearly the same vector.
        """
        same = await connection.execute(self._vault.statements["associative_by_digest"], values)
        nearest = await connection.execute(self._vault.statements["associative_nearest"], values)
        if await same.fetchone() is not None:
            return None  # the same document key: the upsert finds it
        row = await nearest.fetchone()
        if row is None or row[3] < self._near_duplicate_cosine:
            return None
        id_, key, token = row[0], bytes(row[1]), bytes(row[2])
        try:
            old = self.read(user_key.cipher, key, token).text
        except Unreadable:
            return None
        return (id_, key) if user_key.terms.same_words(old, text) else None

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
