"""An embedding model behind an OpenAI-compatible `/embeddings` endpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import httpx
import numpy as np
import trio
from pydantic import BaseModel, SecretStr, ValidationError

from memory.crypto import DIMENSIONS, Vectors
from memory.embedding.embedder import EmbeddingError

_BATCH: Final = 64
# The usual limit is 8191 tokens, and a token has rarely fewer than three characters.
_MAX_CHARS: Final = 20_000
_MAX_ANSWER_BYTES: Final = 16 << 20
_RETRYABLE: Final = frozenset({408, 409, 425, 429})


@dataclass(frozen=True, slots=True)
class EmbeddingEndpoint:
    """A model and its base URL, such as `https://api.openai.com/v1`; the requests go to `/embeddings` below it.

    `dimensions`: the size of its vectors, at most 1536. `ask_dimensions` sends this number with each request, for
    models that can make smaller vectors. `timeout_s`: for one HTTP request of at most 64 texts.
    """

    name: str
    url: str = field(repr=False)
    key: SecretStr | None = None
    dimensions: int = DIMENSIONS
    ask_dimensions: bool = False
    cosine_floor: float = 0.35
    timeout_s: float = 20.0

    def __post_init__(self) -> None:
        if not 1 <= self.dimensions <= DIMENSIONS:
            raise ValueError(f"an embedding must have 1 to {DIMENSIONS} dimensions, not {self.dimensions}")


class _Item(BaseModel):
    index: int
    embedding: list[float]


class _Answer(BaseModel):
    data: list[_Item]


class HttpEmbedder:
    """An `Embedder` over HTTP. Its errors never contain texts or the key."""

    def __init__(self, client: httpx.AsyncClient, endpoint: EmbeddingEndpoint) -> None:
        """`client` may be shared. The caller closes it."""
        self._client = client
        self._endpoint = endpoint

    @property
    def name(self) -> str:
        """The model's name."""
        return self._endpoint.name

    @property
    def dimensions(self) -> int:
        """As configured. A response with vectors of another size is rejected."""
        return self._endpoint.dimensions

    @property
    def cosine_floor(self) -> float:
        """As configured."""
        return self._endpoint.cosine_floor

    async def embed_query(self, text: str) -> Vectors:
        """See `Embedder`."""
        vectors = await self._batch([text])
        return np.asarray(vectors[0], np.float32)

    async def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder`. Sends 64 texts per request, one request after another."""
        batches = [await self._batch(texts[start : start + _BATCH]) for start in range(0, len(texts), _BATCH)]
        return np.concatenate(batches) if batches else np.empty((0, self.dimensions), np.float32)

    async def _batch(self, texts: Sequence[str]) -> Vectors:
        endpoint = self._endpoint
        # Endpoints reject an empty text.
        body: dict[str, object] = {
            "model": endpoint.name,
            "input": [text[:_MAX_CHARS] or " " for text in texts],
            "encoding_format": "float",
        }
        if endpoint.ask_dimensions:
            body["dimensions"] = endpoint.dimensions
        headers = {"Accept-Encoding": "identity"}
        if endpoint.key is not None:
            headers["Authorization"] = f"Bearer {endpoint.key.get_secret_value()}"
        url = f"{endpoint.url.rstrip('/')}/embeddings"
        try:
            with trio.fail_after(endpoint.timeout_s):
                async with self._client.stream("POST", url, json=body, headers=headers) as response:
                    content = await _content(response)
        except trio.TooSlowError:
            raise EmbeddingError(
                f"the embedding model did not respond within {endpoint.timeout_s:g} s", retryable=True
            ) from None
        except httpx.HTTPError as error:
            raise EmbeddingError(f"can't reach the embedding model: {type(error).__name__}", retryable=True) from None
        return self._vectors(content, len(texts))

    def _vectors(self, content: bytes, count: int) -> Vectors:
        try:
            items = sorted(_Answer.model_validate_json(content).data, key=lambda item: item.index)
        except ValidationError:
            raise EmbeddingError(
                "the embedding model's response is not valid JSON of the expected form", retryable=False
            ) from None
        if [item.index for item in items] != list(range(count)):
            raise EmbeddingError(
                f"the embedding model returned {len(items)} vectors for {count} texts", retryable=False
            )
        sizes = {len(item.embedding) for item in items}
        if sizes != {self.dimensions}:
            raise EmbeddingError(
                f"the embedding model's vectors have {max(sizes)} dimensions, {self.dimensions} are configured",
                retryable=False,
            )
        vectors = np.array([item.embedding for item in items], np.float32)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not np.isfinite(lengths).all() or not lengths.all():
            raise EmbeddingError(
                "the embedding model returned a vector of length 0 or with an infinite number", retryable=False
            )
        return np.asarray(vectors / lengths, np.float32)


async def _content(response: httpx.Response) -> bytes:
    """The body of a successful response. Raises `EmbeddingError`, and httpx's errors."""
    if response.status_code != httpx.codes.OK:
        status = response.status_code
        raise EmbeddingError(f"the embedding model answered {status}", retryable=status in _RETRYABLE or status >= 500)
    content = bytearray()
    with trio.CancelScope() as scope:
        async for chunk in response.aiter_raw():
            if len(content) + len(chunk) > _MAX_ANSWER_BYTES:
                # Leaving the loop would not close httpx's generators; an exception inside them does.
                scope.cancel()
            else:
                content += chunk
    if scope.cancelled_caught:
        raise EmbeddingError(
            f"the embedding model's response is longer than {_MAX_ANSWER_BYTES} bytes", retryable=False
        )
    return bytes(content)
