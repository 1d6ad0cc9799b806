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
# The usual limit is 8191 tokens; a token is seldom shorter than three characters.
_MAX_CHARS: Final = 20_000
_MAX_ANSWER_BYTES: Final = 16 << 20
_RETRYABLE: Final = frozenset({408, 409, 425, 429})


@dataclass(frozen=True, slots=True)
class EmbeddingEndpoint:
    """Which model, where: `url` is the base below which `/embeddings` lies, such as `https://api.openai.com/v1`.

    `dimensions` are what its vectors have, at most 1536; `ask_dimensions` sends the number along, for models that can
    be asked for fewer. `timeout_s` is for one HTTP request of at most 64 texts.
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
            raise ValueError(f"an embedding has from 1 to {DIMENSIONS} dimensions")


class _Item(BaseModel):
    index: int
    embedding: list[float]


class _Answer(BaseModel):
    data: list[_Item]


class HttpEmbedder:
    """An `Embedder` over HTTP. Texts and the key are never in its errors."""

    def __init__(self, client: httpx.AsyncClient, endpoint: EmbeddingEndpoint) -> None:
        """`client` may be shared with others; it stays the caller's to close."""
        self._client = client
        self._endpoint = endpoint

    @property
    def name(self) -> str:
        """The model's."""
        return self._endpoint.name

    @property
    def dimensions(self) -> int:
        """As configured; an answer of another size is refused."""
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
        """See `Embedder`. 64 texts to a request, one request after another."""
        batches = [await self._batch(texts[start : start + _BATCH]) for start in range(0, len(texts), _BATCH)]
        return np.concatenate(batches) if batches else np.empty((0, self.dimensions), np.float32)

    async def _batch(self, texts: Sequence[str]) -> Vectors:
        endpoint = self._endpoint
        # An endpoint refuses an empty text.
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
            raise EmbeddingError(f"no vectors within {endpoint.timeout_s:g} s", retryable=True) from None
        except httpx.HTTPError as error:
            raise EmbeddingError(f"can't reach the embedding model: {type(error).__name__}", retryable=True) from None
        return self._vectors(content, len(texts))

    def _vectors(self, content: bytes, count: int) -> Vectors:
        try:
            items = sorted(_Answer.model_validate_json(content).data, key=lambda item: item.index)
        except ValidationError:
            raise EmbeddingError("the embedding model's answer is not one", retryable=False) from None
        if [item.index for item in items] != list(range(count)):
            raise EmbeddingError(f"{count} texts were sent, {len(items)} vectors came back", retryable=False)
        sizes = {len(item.embedding) for item in items}
        if sizes != {self.dimensions}:
            raise EmbeddingError(
                f"the embedding model's vectors have {max(sizes)} dimensions, {self.dimensions} are configured",
                retryable=False,
            )
        vectors = np.array([item.embedding for item in items], np.float32)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not np.isfinite(lengths).all() or not lengths.all():
            raise EmbeddingError("the embedding model gave a vector without a direction", retryable=False)
        return np.asarray(vectors / lengths, np.float32)


async def _content(response: httpx.Response) -> bytes:
    """The body of a successful answer. Raises `EmbeddingError`, and httpx's errors."""
    if response.status_code != httpx.codes.OK:
        status = response.status_code
        raise EmbeddingError(f"the embedding model answered {status}", retryable=status in _RETRYABLE or status >= 500)
    content = bytearray()
    with trio.CancelScope() as scope:
        async for chunk in response.aiter_raw():
            if len(content) + len(chunk) > _MAX_ANSWER_BYTES:
                # httpx's generators are only closed by what is raised inside them, not by leaving this loop.
                scope.cancel()
            else:
                content += chunk
    if scope.cancelled_caught:
        raise EmbeddingError("the embedding model's answer is too long", retryable=False)
    return bytes(content)
