"""A real PostgreSQL for the tests: one server for each session, and a separate database for each test."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import trio
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier

from sql.embedded.postgres import EmbeddedPostgres, create_database
from sql.migrate import migrate

TEMPLATE = "migrated"


@contextmanager
def temporary_directory() -> Iterator[Path]:
    """A directory with a short path, that other accounts may pass through: PostgreSQL does not run as root."""
    directory = Path(tempfile.mkdtemp(prefix="tessera-test-"))
    directory.chmod(0o711)
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


@contextmanager
def running_server() -> Iterator[str]:
    """A server with nothing in it but a migrated database to copy; gives a superuser's conninfo."""
    with temporary_directory() as directory:
        server = EmbeddedPostgres(directory / "postgres", durable=False)
        conninfo = server.start()
        try:
            trio.run(migrate, create_database(conninfo, TEMPLATE))
            yield conninfo
        finally:
            server.stop()


@contextmanager
def new_database(server: str, *, template: str = TEMPLATE) -> Iterator[str]:
    """A database that exists for the length of the block; gives its conninfo."""
    conninfo = create_database(server, f"test_{uuid.uuid4().hex}", template=template)
    try:
        yield conninfo
    finally:
        name = conninfo_to_dict(conninfo)["dbname"]
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(str(name))))
