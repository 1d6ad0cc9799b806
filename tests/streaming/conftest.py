"""A scripted model server and a `ChatModel` that calls it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import trio
from pydantic import SecretStr

from streaming.model.chat_model import ChatModel, HttpTransport, ModelConfig, open_http_client
from tests.model_server import ModelServer, open_model_server
from tests.streaming.model_requests import KEY, ModelFactory


@pytest.fixture
async def server(nursery: trio.Nursery) -> AsyncIterator[ModelServer]:
    async with open_model_server(nursery) as server:
        yield server


@pytest.fixture(params=["httptools", "httpx"])
def transport_name(request: pytest.FixtureRequest) -> HttpTransport:
    name: HttpTransport = request.param
    return name


@pytest.fixture
async def client(transport_name: HttpTransport) -> AsyncIterator[httpx.AsyncClient]:
    async with open_http_client(transport_name) as client:
        yield client


@pytest.fixture
def model(server: ModelServer, client: httpx.AsyncClient) -> ModelFactory:
    def build(**settings: Any) -> ChatModel:
        settings = {"name": "test", "url": server.url, "key": SecretStr(KEY), **settings}
        return ChatModel(client, ModelConfig(**settings))

    return build
