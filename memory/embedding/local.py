"""snowflake-arctic-embed-s in this process: 384 dimensions, int8, no network. A second model knows other languages.

Licensed under Apache-2.0. A query takes a few milliseconds on one thread, most of them without the GIL.

A vector of both models joins their vectors, scaled so that its length is 1. So a cosine is the mean of both cosines,
weighted by the shares. The multilingual model gets a small one: it orders long texts worse than the English model does.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import numpy as np
import trio

from memory.crypto import Vectors
from memory.embedding import multilingual
from memory.embedding.embedder import Calibration, EmbeddingError, Multilingual
from memory.embedding.model import MODEL, TOKENIZER, ModelMissing, read_verified
from memory.embedding.multilingual import MultilingualEncoder

if TYPE_CHECKING:
    import onnxruntime
    from tokenizers import Tokenizer

NAME: Final = "snowflake-arctic-embed-s-int8"
DIMENSIONS: Final = 384
JOINED_NAME: Final = "snowflake-arctic-embed-s-int8+use-multilingual-3"
JOINED_DIMENSIONS: Final = DIMENSIONS + multilingual.DIMENSIONS
# docs/memory-search.md has the measurements of the share, the floors and the weights.
_SHARE: Final = 0.15 / 1.15
_ALONE: Final = (0.63, Calibration(0.05))
_JOINED: Final = (
    0.54,
    Calibration(0.043, Multilingual(DIMENSIONS, _SHARE), NAME, spread_weight=1.0, usual_spread=0.054),
)

# Measured: 512 tokens improve no result and take 40% longer.
_MAX_TOKENS: Final = 256
_MAX_CHARS: Final = 4_000
# The model was trained with this prefix.
_QUERY_PREFIX: Final = "Represent this sentence for searching relevant passages: "
_CLS: Final = 0


class LocalEmbeddingsNotInstalled(EmbeddingError):
    """Packages that run the model are not installed. The message names them and the extra that has them."""

    def __init__(self, packages: Sequence[str]) -> None:
        """`packages` are the missing ones."""
        message = f"{' and '.join(packages)} not installed: install tessera-server[local-embeddings]"
        super().__init__(message, retryable=False)


class LocalEmbedder:
    """A `CalibratedEmbedder` on worker threads. Queries have separate threads, so they never wait for documents."""

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        tokenizer: Tokenizer,
        document_threads: int,
        second: MultilingualEncoder | None = None,
    ) -> None:
        """Use `load`."""
        self.name: Final = NAME if second is None else JOINED_NAME
        self.dimensions: Final = DIMENSIONS if second is None else JOINED_DIMENSIONS
        self.cosine_floor, self.calibration = _ALONE if second is None else _JOINED
        self._session = session
        self._tokenizer = tokenizer
        self._second = second
        self._queries = trio.CapacityLimiter(2)
        self._documents = trio.CapacityLimiter(document_threads)

    @classmethod
    async def load(cls, folder: Path, multilingual_folder: Path | None = None, *, document_threads: int = 1) -> Self:
        """Load the model from `folder`, which `python -m memory fetch-model` fills; takes about a second of a thread.

        `multilingual_folder` has the second model; None, or without its files: only the English one is used.
        `document_threads` embed texts to store: one, so that a server keeps the other cores for its answers. Raises
        `LocalEmbeddingsNotInstalled` without the packages of the extra `local-embeddings`,
        `memory.embedding.model.files.ModelMissing` when a file is missing or is not the one expected, and
        `EmbeddingError` when this machine can't run it.
        """
        return await trio.to_thread.run_sync(cls._load, folder, multilingual_folder, document_threads)

    @classmethod
    def _load(cls, folder: Path, multilingual_folder: Path | None, document_threads: int) -> Self:
        missing = [package for package in ("onnxruntime", "tokenizers") if find_spec(package) is None]
        if missing:
            raise LocalEmbeddingsNotInstalled(missing)
        # Imported here because the extra is optional.
        import onnxruntime  # noqa: PLC0415
        from tokenizers import Tokenizer  # noqa: PLC0415

        tokenizer = Tokenizer.from_str(read_verified(folder, TOKENIZER).decode())
        tokenizer.enable_truncation(_MAX_TOKENS)
        tokenizer.no_padding()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        model = read_verified(folder, MODEL)
        try:
            session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # noqa: BLE001 - onnxruntime's exceptions have no other base in common
            raise EmbeddingError(f"onnxruntime can't run the embedding model: {error}", retryable=False) from None
        second = None
        if multilingual_folder is not None:
            with suppress(ModelMissing):
                second = MultilingualEncoder.load(multilingual_folder)
        return cls(session, tokenizer, document_threads, second)

    async def embed_query(self, text: str) -> Vectors:
        """See `Embedder`. If cancelled, it returns immediately and its thread ends later."""
        return await trio.to_thread.run_sync(
            partial(self._embed, text, _QUERY_PREFIX), abandon_on_cancel=True, limiter=self._queries
        )

    async def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder`."""
        # One text at a time: in a batch the int8 activations share a scale, so a vector would depend on the other
        # texts.
        # A batch of 8 to 32 is not faster for turns of 100 tokens and more (docs/memory-search.md).
        vectors = np.empty((len(texts), self.dimensions), np.float32)
        places = iter(range(len(texts)))

        async def work() -> None:
            for place in places:
                vectors[place] = await trio.to_thread.run_sync(
                    self._embed, texts[place], abandon_on_cancel=True, limiter=self._documents
                )

        if self._documents.total_tokens == 1:
            await work()
            return vectors
        failures: list[EmbeddingError] = []
        try:
            async with trio.open_nursery() as nursery:
                for _ in range(int(self._documents.total_tokens)):
                    nursery.start_soon(work)
        except* EmbeddingError as group:
            failures += [error for error in group.exceptions if isinstance(error, EmbeddingError)]
        if failures:
            raise failures[0]
        return vectors

    def _embed(self, text: str, prefix: str = "") -> Vectors:
        english = self._english((prefix + text)[:_MAX_CHARS])
        if self._second is None:
            return english
        return np.concatenate(
            [np.sqrt(1 - _SHARE) * english, np.sqrt(_SHARE) * self._second.encode(text)], dtype=np.float32
        )

    def _english(self, text: str) -> Vectors:
        encoding = self._tokenizer.encode(text)
        inputs = {
            "input_ids": np.array([encoding.ids], np.int64),
            "attention_mask": np.array([encoding.attention_mask], np.int64),
            "token_type_ids": np.array([encoding.type_ids], np.int64),
        }
        try:
            (hidden,) = self._session.run(["last_hidden_state"], inputs)
        except Exception as error:  # noqa: BLE001 - as above; nothing is awaited here
            raise EmbeddingError(f"the embedding model failed: {type(error).__name__}", retryable=True) from None
        vector: Vectors = hidden[0, _CLS]
        return np.asarray(vector / np.linalg.norm(vector), np.float32)
