"""The connections of all workers against the limit of the database."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.settings.environment import SettingsError, load_settings
from server.settings.settings import Settings
from server.storage.database import check_connections, connections_taken, database_url
from sql.pool import Pool, connection_places, open_pool


def workers(count: int, pool_size: int, **more: str) -> Settings:
    environment = {"TESSERA_WORKERS": str(count), "TESSERA_DATABASE_POOL_SIZE": str(pool_size), **more}
    return load_settings(environment | {"TESSERA_MODEL_URL": "http://127.0.0.1:1/v1", "TESSERA_MODEL_NAME": "none"})


async def test_connections_that_do_not_fit_are_refused_with_what_to_change(pool: Pool) -> None:
    places = await connection_places(pool)
    await check_connections(workers(1, places - 1), pool)
    with pytest.raises(SettingsError) as refused:
        await check_connections(workers(1, places), pool)
    (mistake,) = refused.value.mistakes
    assert mistake.startswith("TESSERA_DATABASE_POOL_SIZE: ")
    assert f"need {places + 1} connections, and the database allows {places}" in mistake
    assert "TESSERA_WORKERS" in mistake


async def test_an_embedded_database_allows_the_connections_of_all_workers(tmp_path: Path) -> None:
    settings = workers(8, 20, TESSERA_STATE_DIR=str(tmp_path))
    assert connections_taken(settings) == 168
    async with database_url(settings) as (url, _), open_pool(url, max_size=1) as pool:
        assert await connection_places(pool) >= 168
        await check_connections(settings, pool)
