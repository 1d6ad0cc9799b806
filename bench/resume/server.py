"""The server under measurement: with its database, many people, and a device for each."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Final
from uuid import uuid4

import psycopg
import trio
from psycopg.conninfo import make_conninfo

from bench.resume.fleet import Device
from bench.stream.processes import family, pin
from bench.stream.targets import Places, Target, tessera
from memory.keys import KeyRing, UserKeys
from server.accounts import TOKEN_LABEL, Tokens
from sql.embedded import EmbeddedPostgres
from sql.migrate import migrate
from sql.pool import open_pool
from sql.statements import Statements
from sql.tenant import configure_server, scoped

_TOKEN_S: Final = 7 * 86_400


@contextmanager
def database() -> Iterator[tuple[str, int]]:
    """An empty, durable PostgreSQL: its connection string and the id of its first process."""
    folder = Path(tempfile.mkdtemp(prefix="tessera-resume-"))
    folder.chmod(0o711)
    postgres = EmbeddedPostgres(folder / "postgres")
    try:
        url = postgres.start()
        (file,) = folder.rglob("postmaster.pid")
        trio.run(migrate, url)
        yield url, int(file.read_text().split()[0])
    finally:
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def server(
    url: str,
    model_port: int,
    places: Places,
    devices: int,
    master_key: str,
    *,
    database_pid: int | None = None,
    per_user: int = 1,
    more: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[tuple[Target, list[Device]]]:
    """A server on the migrated database `url`, and devices of new people, `per_user` of each.

    All servers of one database need the same `master_key`. `database_pid`: the database's first process; it and its
    children move to the cores of everything else. `more`: further settings.
    """
    settings = {
        "TESSERA_DATABASE_URL": _login(url),
        "TESSERA_DATABASE_OWNER_URL": url,
        "TESSERA_MASTER_KEYS": master_key,
        "TESSERA_MAX_MODEL_CALLS": "100000",
        "TESSERA_MAX_SOCKETS": "100000",
        "TESSERA_REQUEST_TIMEOUT_S": "3600",
        "TESSERA_RESUME_GRACE_S": "3600",
        **more,
    }
    made = trio.run(_people, url, master_key, devices, per_user)
    with tessera(model_port, places, settings=settings) as target:
        if database_pid is not None:
            target.database_pids.append(database_pid)
            pin(family(database_pid), places.others)
        yield target, made


def _login(url: str) -> str:
    """The URL of a role without own rights on the database `url` of a superuser."""
    with psycopg.connect(url, autocommit=True) as connection:
        if connection.execute("SELECT FROM pg_roles WHERE rolname = 'login_of_benchmark'").fetchone() is None:
            connection.execute("CREATE ROLE login_of_benchmark LOGIN NOINHERIT")
        connection.execute("GRANT tessera_server, tessera_worker TO login_of_benchmark")
    return make_conninfo(url, user="login_of_benchmark")


async def _people(url: str, master_key: str, count: int, per_user: int) -> list[Device]:
    """`count` devices of new people, with tokens that last for the whole run. Nobody can log in."""
    keys = UserKeys(KeyRing([master_key]), None)
    tokens = Tokens(KeyRing([master_key]).derive(TOKEN_LABEL), lifetime_s=_TOKEN_S)
    devices: list[Device] = []
    async with open_pool(url, configure=configure_server) as pool:
        statements = Statements.load()
        for number in range(-(-count // per_user)):
            user_id = uuid4()
            values = {
                "user_id": user_id,
                "email": f"{number}.{user_id.hex}@example.com",
                "password_hash": secrets.token_hex(8),
                "encryption_key": (await keys.make(user_id)).stored,
            }
            async with scoped(pool, user_id) as connection:
                await connection.execute(statements["user_insert"], values)
            devices += [Device(tokens.issue(user_id)[0]) for _ in range(per_user)]
    return devices[:count]
