"""The roles of `deploy/database.sql`, and a backup that is restored after the database and its roles are lost."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest
from cryptography.fernet import Fernet
from psycopg.conninfo import make_conninfo

from client.terminal.account import register
from sql.embedded.postgres import EmbeddedPostgres, _binaries
from tests.database import temporary_directory
from tests.server.tessera import PASSWORD, Tessera, open_tessera, text_block

pytestmark = pytest.mark.slow

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
ROLES = ("tessera_app", "tessera_owner", "tessera_server", "tessera_worker")
EMAIL = "ann@example.com"
COMMAND_S = 60.0


def run(command: Path | str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a script or a program of PostgreSQL, with the programs of the embedded PostgreSQL."""
    return subprocess.run(  # noqa: S603 - our own scripts
        [str(command), *arguments],
        env=os.environ | {"PATH": f"{_binaries() / 'bin'}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=COMMAND_S,
        check=False,
    )


class Cluster:
    """A separate PostgreSQL server, because roles belong to the whole server."""

    def __init__(self, superuser: str) -> None:
        self.superuser = superuser
        self.restored = make_conninfo(superuser, dbname="tessera")
        self.app = make_conninfo(self.restored, user="tessera_app", password="app")
        self.owner = make_conninfo(self.restored, user="tessera_owner", password="owner")

    def create(self) -> None:
        passwords = ("--set=owner_password=owner", "--set=app_password=app")
        done = run("psql", *passwords, "--dbname", self.superuser, "--file", str(DEPLOY / "database.sql"))
        assert done.returncode == 0, done.stderr

    def lose(self) -> None:
        with psycopg.connect(self.superuser, autocommit=True) as connection:
            connection.execute("DROP DATABASE tessera WITH (FORCE)")
            for role in ROLES:
                connection.execute(psycopg.sql.SQL("DROP ROLE {}").format(psycopg.sql.Identifier(role)))


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with temporary_directory() as folder:
        server = EmbeddedPostgres(folder / "postgres", durable=False)
        conninfo = make_conninfo(server.start(), dbname="postgres")
        # `start` creates a database named as that of `database.sql`.
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute("DROP DATABASE IF EXISTS tessera")
        try:
            yield Cluster(conninfo)
        finally:
            server.stop()


async def conversations(tessera: Tessera) -> str:
    async with httpx.AsyncClient(base_url=f"{tessera.rest_url}/api/v1", timeout=30) as client:
        login = await client.post("/auth/login", json={"email": EMAIL, "password": PASSWORD})
        assert login.status_code == 200, login.text
        listed = await client.get("/conversations", headers={"Authorization": f"Bearer {login.json()['access_token']}"})
        assert listed.status_code == 200, listed.text
        return listed.text


async def test_a_restored_backup_has_the_accounts_and_their_conversations(cluster: Cluster, tmp_path: Path) -> None:
    shares = tmp_path / "shares"
    settings = {
        "master_keys": Fernet.generate_key().decode(),
        "key_shares_dir": shares,
        "database_url": cluster.app,
        "database_owner_url": cluster.owner,
    }
    cluster.create()
    async with open_tessera(cluster.app, **settings) as tessera:
        tessera.script(lambda _: text_block("Noted."))
        async with tessera.device(await register(tessera.rest_url, EMAIL, PASSWORD)) as device:
            await (await device.home("Water the orchids on Friday", conversation_id="garden")).finish()
        before = await conversations(tessera)
    assert "orchids" in before

    backup = tmp_path / "backup"
    done = run(DEPLOY / "backup.sh", str(backup), cluster.restored, str(shares))
    assert done.returncode == 0, done.stderr
    cluster.lose()
    shares.rename(tmp_path / "lost-shares")

    cluster.create()
    done = run(DEPLOY / "restore.sh", str(backup), cluster.restored, str(shares))
    assert done.returncode == 0, done.stderr
    async with open_tessera(cluster.app, **settings) as tessera:
        assert await conversations(tessera) == before

    # A second restore would mix two states.
    again = run(DEPLOY / "restore.sh", str(backup), cluster.restored, str(shares))
    assert again.returncode == 1
    assert "is not empty" in again.stderr
