from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import trio

from tests.agents.fakes import Models, open_model


@pytest.fixture
async def models(nursery: trio.Nursery) -> AsyncIterator[Models]:
    async with open_model(nursery) as pair:
        yield pair
