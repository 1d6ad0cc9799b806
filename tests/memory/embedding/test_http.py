"""The embeddings API over loopback HTTP: the requests, and every unusable answer."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import numpy as np
import pytest
import trio
from pydantic import SecretStr

from memory.embedding.embedder import EmbeddingError
from memory.embedding.http import EmbeddingEndpoint, HttpEmbedder
from tests.model_server import Close, Head, ModelServer, Never, ReceivedRequest, Send, Step, open_model_server

KEY = "sk-very-secret"
TEXT = "the person's own words"


@pytest.fixture
async def server(nursery: trio.Nursery) -> AsyncIterator[ModelServer]:
    async with open_model_server(nursery) as server:
        yield server


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False) as client:
        yield client


def endpoint(server: ModelServer, **changes: Any) -> EmbeddingEndpoint:
    settings: dict[str, Any] = {"name": "embed-3", "url": server.url, "key": SecretStr(KEY), "dimensions": 2}
    return EmbeddingEndpoint(**(settings | changes))


def answer(items: object, status: int = 200) -> list[Step]:
    body = items if isinstance(items, bytes) else json.dumps({"object": "list", "data": items}).encode()
    return [Head(status, "application/json"), Send(body)]


def item(index: int, *numbers: float) -> dict[str, Any]:
    return {"object": "embedding", "index": index, "embedding": numbers}


async def test_a_query(server: ModelServer, client: httpx.AsyncClient) -> None:
    server.reply(answer([item(0, 3.0, 4.0)]))
    embedder = HttpEmbedder(client, endpoint(server))
    vector = await embedder.embed_query(TEXT)
    assert vector == pytest.approx([0.6, 0.8])
    assert vector.dtype == np.float32
    assert (embedder.name, embedder.dimensions) == ("embed-3", 2)
    (request,) = server.requests
    assert request.path == "/v1/embeddings"
    assert request.body == {"model": "embed-3", "input": [TEXT], "encoding_format": "float"}
    assert request.headers["authorization"] == f"Bearer {KEY}"


async def test_many_texts_go_in_batches_and_come_back_in_their_order(
    server: ModelServer, client: httpx.AsyncClient
) -> None:
    def backwards(request: ReceivedRequest) -> list[Step]:
        items = [item(place, float(text), 1.0) for place, text in enumerate(request.body["input"])]
        return answer(items[::-1])

    server.fallback = backwards
    embedder = HttpEmbedder(client, endpoint(server, key=None, ask_dimensions=True))
    vectors = await embedder.embed_documents([str(number) for number in range(1, 131)])
    assert vectors[:, 0] / vectors[:, 1] == pytest.approx(np.arange(1, 131), rel=1e-4)
    assert [len(request.body["input"]) for request in server.requests] == [64, 64, 2]
    assert all("authorization" not in request.headers for request in server.requests)
    assert all(request.body["dimensions"] == 2 for request in server.requests)


async def test_an_empty_text_is_sent_as_a_blank_and_no_texts_not_at_all(
    server: ModelServer, client: httpx.AsyncClient
) -> None:
    server.reply(answer([item(0, 1.0, 0.0)]))
    embedder = HttpEmbedder(client, endpoint(server))
    await embedder.embed_documents([""])
    assert (await embedder.embed_documents([])).shape == (0, 2)
    assert [request.body["input"] for request in server.requests] == [[" "]]


@pytest.mark.parametrize(
    ("reply", "message", "retryable"),
    [
        (answer({"error": TEXT}, 401), "answered 401", False),
        (answer({"error": TEXT}, 429), "answered 429", True),
        (answer({"error": TEXT}, 503), "answered 503", True),
        (answer(b"<html>"), "not valid JSON", False),
        (answer(b'{"data": [{"index": 0}]}'), "not valid JSON", False),
        (answer([]), "returned 0 vectors for 1 texts", False),
        (answer([item(1, 1.0, 0.0)]), "returned 1 vectors for 1 texts", False),
        (answer([item(0, 1.0, 0.0, 0.0)]), "have 3 dimensions, 2 are configured", False),
        (answer([item(0, 0.0, 0.0)]), "a vector of length 0", False),
        (answer([item(0, 1e39, 0.0)]), "a vector of length 0", False),
        ([Close()], "can't reach", True),
        ([Head(200, "application/json"), Send(b'{"data": '), Close()], "can't reach", True),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow encountered in cast:RuntimeWarning")
async def test_an_answer_that_cannot_be_used(
    server: ModelServer, client: httpx.AsyncClient, reply: list[Step], message: str, retryable: bool
) -> None:
    server.reply(reply)
    with pytest.raises(EmbeddingError, match=message) as caught:
        await HttpEmbedder(client, endpoint(server)).embed_query(TEXT)
    assert caught.value.retryable is retryable
    assert KEY not in str(caught.value)
    assert TEXT not in str(caught.value)


async def test_an_endless_answer_is_left(server: ModelServer, client: httpx.AsyncClient) -> None:
    server.reply([Head(200, "application/json"), *[Send(b" " * (1 << 20))] * 20, Never()])
    with pytest.raises(EmbeddingError, match="is longer than"):
        await HttpEmbedder(client, endpoint(server)).embed_query(TEXT)


async def test_a_silent_endpoint_is_left_in_time(server: ModelServer, client: httpx.AsyncClient) -> None:
    server.reply(answer([item(0, 3.0, 4.0)]), [Head(200, "application/json"), Never()])
    # The connection is open before the short deadline begins.
    await HttpEmbedder(client, endpoint(server)).embed_query(TEXT)
    with pytest.raises(EmbeddingError, match=r"within 0\.05 s") as caught:
        await HttpEmbedder(client, endpoint(server, timeout_s=0.05)).embed_query(TEXT)
    assert caught.value.retryable


def test_what_it_shows_has_neither_the_key_nor_the_address() -> None:
    url = "http://models.test/v1"
    shown = repr(EmbeddingEndpoint("embed-3", url, SecretStr(KEY)))
    assert KEY not in shown
    assert url not in shown
    with pytest.raises(ValueError, match="dimensions"):
        EmbeddingEndpoint("embed-3", url, dimensions=1537)
