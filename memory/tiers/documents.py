"""Documents: texts to remember, their encrypted form, and the keyed digest by which they are stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from memory.crypto import Cipher, Purpose, Vectors, digest
from memory.embedding import passage
from memory.keys import UserKey
from memory.text import fragments_of
from memory.tiers.episodic import Exchange

Source = Literal["episode", "mutation", "document"]


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
