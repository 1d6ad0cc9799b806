"""Which index a search uses."""

from __future__ import annotations

from typing import Any

import pytest

import memory.recall.index_search
from memory.recall.sealed import sealed_search
from memory.recall.search import search


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Notes which index each search uses."""
    noted: list[str] = []

    async def in_rows(*arguments: Any, **options: Any) -> Any:
        noted.append("rows")
        return await search(*arguments, **options)

    def in_segments(*arguments: Any, **options: Any) -> Any:
        noted.append("segments")
        return sealed_search(*arguments, **options)

    monkeypatch.setattr(memory.recall.index_search, "search", in_rows)
    monkeypatch.setattr(memory.recall.index_search, "sealed_search", in_segments)
    return noted
