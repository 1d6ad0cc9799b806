"""An external database as in docs/memory.md: an owner without superuser rights, and a login that owns nothing."""

from __future__ import annotations

import psycopg
import pytest
import trio
from psycopg.conninfo import make_conninfo

from sql.embedded.postgres import EmbeddedPostgres
from sql.migrate import migrate, read_migrations, rollback
from sql.pool import open_pool
from sql.tenant import configure_server
from tests.database import temporary_directory
from tests.memory.memories import Memories, WordEmbedder


def test_owner_and_server_are_roles_without_privileges() -> None:
    with temporary_directory() as folder:
        server = EmbeddedPostgres(folder / "postgres", durable=False)
        superuser = server.start()
        try:
            trio.run(_set_up_and_use, superuser)
        finally:
            server.stop()


async def _set_up_and_use(superuser: str) -> None:
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute("CREATE ROLE tessera_owner LOGIN CREATEROLE")
        connection.execute("CREATE DATABASE own OWNER tessera_owner")
    with psycopg.connect(superuser, dbname="own", autocommit=True) as connection:
        connection.execute("CREATE EXTENSION vector")
    owner = make_conninfo(superuser, dbname="own", user="tessera_owner")
    assert len(await migrate(owner)) == len(read_migrations())
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute("CREATE ROLE tessera_app LOGIN NOINHERIT")
        connection.execute("GRANT tessera_server, tessera_worker TO tessera_app")
    app = make_conninfo(superuser, dbname="own", user="tessera_app")
    async with open_pool(app, configure=configure_server) as pool:
        memories = Memories(pool, embedder=WordEmbedder())
        ann = await memories.person()
        await memories.tell(ann, "Clara moved to Lisbon.", "Noted.")
        assert len((await memories.middleware.enrich_context(ann, "Clara")).associative) == 1
        assert (await memories.master_key_rotation.rotate()).already == 1
        assert (await memories.middleware.erase(ann)).removed["episodic"] == 1
    with psycopg.connect(app) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("SELECT * FROM users")
    # The owner sees no rows either, because the policies are forced.
    with psycopg.connect(owner) as connection:
        assert connection.execute("SELECT count(*) FROM users").fetchone() == (0,)
    assert len(await rollback(owner, steps=len(read_migrations()))) == len(read_migrations())
