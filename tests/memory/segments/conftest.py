"""Which index a search uses."""

from __future__ import annotations

import pytest

import memory.recall.index_search
from memory.recall.sealed import sealed_search
from memory.recall.search import search


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Notes which index each search uses."""
    noted: list[str] = []

    async def in_rows(*arguments: object, **options: object) -> object:
        noted.append("rows")
        return await search(*arguments, **options)  # type: ignore[arg-type]

    def in_segments(*arguments: object, **options: object) -> object:
        noted.append("segments")
        return sealed_search(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(memory.recall.index_search, "search", in_rows)
    monkeypatch.setattr(memory.recall.index_search, "sealed_search", in_segments)
    return noted
