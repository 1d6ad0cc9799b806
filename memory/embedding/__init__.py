"""Embedding models: the interface, a model in this process, and a model behind an HTTP endpoint.

`model/` downloads the files of the local model.
"""

from __future__ import annotations

from memory.embedding.embedder import (
    MAX_PREVIOUS_CHARS,
    CalibratedEmbedder,
    Calibration,
    Embedder,
    EmbeddingError,
    Multilingual,
    passage,
)
from memory.embedding.http import EmbeddingEndpoint, HttpEmbedder
from memory.embedding.local import LocalEmbedder, LocalEmbeddingsNotInstalled

__all__ = [
    "MAX_PREVIOUS_CHARS",
    "CalibratedEmbedder",
    "Calibration",
    "Embedder",
    "EmbeddingEndpoint",
    "EmbeddingError",
    "HttpEmbedder",
    "LocalEmbedder",
    "LocalEmbeddingsNotInstalled",
    "Multilingual",
    "passage",
]
