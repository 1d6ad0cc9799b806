"""A scripted model server and a `ChatModel` that asks it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import trio
from pydantic import SecretStr

from streaming.llm import ChatModel, ModelConfig
from tests.model_server import ModelServer, open_model_server
from tests.streaming.asking import KEY, ModelFactory


@pytest.fixture
async def server(nursery: trio.Nursery) -> AsyncIterator[ModelServer]:
    async with open_model_server(nursery) as server:
        yield server


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    # Plain HTTP on loopback: neither a proxy of the environment nor a TLS context is wanted.
    async with httpx.AsyncClient(trust_env=False, verify=False, timeout=None) as client:  # noqa: S501, S113
        yield client


@pytest.fixture
def model(server: ModelServer, client: httpx.AsyncClient) -> ModelFactory:
    def build(**settings: Any) -> ChatModel:
        settings = {"name": "test", "url": server.url, "key": SecretStr(KEY), **settings}
        return ChatModel(client, ModelConfig(**settings))

    return build
