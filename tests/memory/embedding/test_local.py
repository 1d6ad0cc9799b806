"""The local embedding model: its vectors, which do not depend on other texts, and queries that do not wait for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from memory.crypto.rotation import Vectors
from memory.embedding.embedder import EmbeddingError
from memory.embedding.local import DIMENSIONS, LocalEmbedder
from memory.embedding.model.files import MODEL, TOKENIZER, ModelMissing

TEXTS = [
    "Sarah's birthday dinner is at the Italian place on Friday.",
    "The landlord wants the rent by the first of the month.",
    "I adopted a beagle from the shelter; his name is Biscuit.",
    "The quarterly budget was cut by ten percent.",
]


async def test_the_text_that_answers_a_question_is_the_nearest(embedder: LocalEmbedder) -> None:
    vectors = await embedder.embed_documents(TEXTS)
    assert vectors.shape == (4, DIMENSIONS)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    for question, answer in (("what is my dog called?", 2), ("when do I have to pay for my flat?", 1)):
        vector = await embedder.embed_query(question)
        assert vector.shape == (DIMENSIONS,)
        cosines = vectors @ vector
        assert cosines.argmax() == answer
        assert cosines.max() > embedder.cosine_floor
    small_talk = vectors @ await embedder.embed_query("hello")
    assert small_talk.max() < embedder.cosine_floor


async def test_a_vector_does_not_depend_on_its_neighbours(embedder: LocalEmbedder) -> None:
    together = await embedder.embed_documents(TEXTS)
    alone = [await embedder.embed_documents([text]) for text in TEXTS]
    assert np.array_equal(together, np.concatenate(alone))


async def test_any_text_has_a_vector(embedder: LocalEmbedder) -> None:
    vectors = await embedder.embed_documents(["", "\x00\ud7ff👍", "word " * 50_000])
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert (await embedder.embed_documents([])).shape == (0, DIMENSIONS)


async def test_a_query_does_not_wait_for_texts_to_store(embedder: LocalEmbedder) -> None:
    done: list[str] = []

    async def store() -> None:
        await embedder.embed_documents(["word " * 2_000] * 6)
        done.append("texts")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(store)
        await wait_all_tasks_blocked()
        await embedder.embed_query("what is my dog called?")
        done.append("query")
    assert done == ["query", "texts"]


async def test_without_the_right_files_it_says_what_to_do(local_model: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="fetch-model"):
        await LocalEmbedder.load(tmp_path)
    content = bytearray((local_model / MODEL.name).read_bytes())
    content[-1] ^= 1
    (tmp_path / MODEL.name).write_bytes(content)
    (tmp_path / TOKENIZER.name).write_bytes((local_model / TOKENIZER.name).read_bytes())
    with pytest.raises(ModelMissing, match="has the wrong content"):
        await LocalEmbedder.load(tmp_path)


async def test_several_threads_give_the_same_vectors_and_one_error(local_model: Path, embedder: LocalEmbedder) -> None:
    threaded = await LocalEmbedder.load(local_model, document_threads=2)
    assert np.array_equal(await threaded.embed_documents(TEXTS), await embedder.embed_documents(TEXTS))
    assert (await threaded.embed_documents([])).shape == (0, DIMENSIONS)

    def fail(text: str, prefix: str = "") -> Vectors:
        raise EmbeddingError("the model is away", retryable=True)

    threaded._embed = fail  # type: ignore[method-assign]  # a model that fails cannot be had
    with pytest.raises(EmbeddingError, match="away"):
        await threaded.embed_documents(TEXTS)
