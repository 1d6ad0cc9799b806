"""The interface of embedding models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

from memory.crypto import Vectors

MAX_PREVIOUS_CHARS: Final = 300
"""A longer turn is not embedded together with the next one."""


class EmbeddingError(Exception):
    """Texts could not be embedded. The message contains no text. `retryable`: another attempt may succeed."""

    def __init__(self, message: str, *, retryable: bool) -> None:
        super().__init__(message)
        self.retryable = retryable


class Embedder(Protocol):
    """An embedding model. Vectors are float32, of length 1, and `dimensions` long, at most 1536."""

    @property
    def name(self) -> str:
        """The model's name, stored with every vector. Vectors of different models are never compared."""
        ...

    @property
    def dimensions(self) -> int:
        """The number of dimensions of a vector."""
        ...

    @property
    def cosine_floor(self) -> float:
        """With a lower cosine, a query and a text are unrelated for this model."""
        ...

    async def embed_query(self, text: str) -> Vectors:
        """The vector of a question, of shape (dimensions,). Raises `EmbeddingError`."""
        ...

    async def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """The vectors of texts to store, of shape (len(texts), dimensions). Raises `EmbeddingError`."""
        ...


@dataclass(frozen=True, slots=True)
class Multilingual:
    """The numbers of a vector from `start` on are those of a multilingual model. `share`: of the squared length."""

    start: int
    share: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was measured with a model, for the floor of recall.

    `coverage_weight`: how much a memory that has all words of the query may be below `cosine_floor`.
    `spread_weight`: how much `cosine_floor` rises with the standard deviation of the cosines of the query with all
    memories. `usual_spread`: what that deviation usually is, estimated from signatures (`memory.recall.Floor`).
    `earlier_model`: the name of a model whose vectors can be compared with those of this one; None: there is none.
    """

    coverage_weight: float
    multilingual: Multilingual | None = None
    earlier_model: str | None = None
    spread_weight: float = 0.0
    usual_spread: float = 0.0


@runtime_checkable
class CalibratedEmbedder(Embedder, Protocol):
    """An embedding model that was measured."""

    @property
    def calibration(self) -> Calibration: ...


def passage(text: str, previous: str | None = None) -> str:
    """The text to embed for a turn of a conversation: the previous turn, if it is short, and the turn itself.

    "Yes, on Friday" means little without the question, but a long previous turn would dominate the vector. See
    docs/memory-search.md.
    """
    previous = (previous or "").strip()
    return f"{previous}\n{text}" if 0 < len(previous) <= MAX_PREVIOUS_CHARS else text
