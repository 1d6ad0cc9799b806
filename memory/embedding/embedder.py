"""What the memory asks of an embedding model, whichever it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from memory.crypto import Vectors

MAX_PREVIOUS_CHARS: Final = 300
"""A longer turn is not embedded with the one after it."""


class EmbeddingError(Exception):
    """Texts could not be embedded. The message never has a text in it. `retryable`: later it may work."""

    def __init__(self, message: str, *, retryable: bool) -> None:
        super().__init__(message)
        self.retryable = retryable


class Embedder(Protocol):
    """An embedding model. Vectors are float32, of length 1, and `dimensions` long, at most 1536."""

    @property
    def name(self) -> str:
        """Stored with every vector; vectors of different names are never compared."""
        ...

    @property
    def dimensions(self) -> int:
        """Numbers in a vector."""
        ...

    @property
    def cosine_floor(self) -> float:
        """Below it a query and a text have nothing to do with each other, as this model sees it."""
        ...

    async def embed_query(self, text: str) -> Vectors:
        """The vector of a question, of shape (dimensions,). Raises `EmbeddingError`."""
        ...

    async def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """The vectors of texts to store, of shape (len(texts), dimensions). Raises `EmbeddingError`."""
        ...


def passage(text: str, previous: str | None = None) -> str:
    """What to embed for a turn of a conversation: the turn before it, when that is short, then the turn itself.

    "Yes, on Friday" means nothing without the question; half of a long answer would only drown the turn. See
    docs/memory-search.md.
    """
    previous = (previous or "").strip()
    return f"{previous}\n{text}" if 0 < len(previous) <= MAX_PREVIOUS_CHARS else text
