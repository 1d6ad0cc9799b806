"""The connections of all workers against the limit of the database."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from server.settings.environment import SettingsError, load_settings
from server.settings.settings import Settings
from server.storage.database import check_connections, connections_taken, database_url, open_database
from sql.pool import Pool, connection_places, open_pool
from tests.database import login_settings


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


async def test_a_login_that_bypasses_row_level_security_is_refused(database: str, tmp_path: Path) -> None:
    with psycopg.connect(database, autocommit=True) as superuser:
        superuser.execute("CREATE ROLE bypassing LOGIN BYPASSRLS")
    try:
        for url, name in ((database, "postgres"), (make_conninfo(database, user="bypassing"), "bypassing")):
            settings = workers(1, 2, TESSERA_DATABASE_URL=url, TESSERA_STATE_DIR=str(tmp_path))
            with pytest.raises(SettingsError) as refused:
                async with open_database(settings):
                    pass
            (mistake,) = refused.value.mistakes
            assert mistake.startswith(f"TESSERA_DATABASE_URL: it logs in as {name}, which is a superuser or bypasses")
    finally:
        with psycopg.connect(database, autocommit=True) as superuser:
            superuser.execute("DROP ROLE bypassing")
    settings = workers(1, 2, **login_settings(database), TESSERA_STATE_DIR=str(tmp_path))
    async with open_database(settings) as opened:
        assert await opened.fault() is None
