from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

import httpx
import pytest
import trio

from demo.server import DemoConfig, serve_demo_model
from server.net import serve_rest


@pytest.fixture
async def base_url(nursery: trio.Nursery) -> str:
    url = await nursery.start(partial(serve_demo_model, DemoConfig(pace_s=0), serve_rest))
    assert isinstance(url, str)
    return url


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient() as client:
        yield client
