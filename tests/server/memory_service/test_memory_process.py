"""Memory with the server as a process: kills between durable write and enrichment, and key rotation by commands."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

import httpx
import psycopg
import pytest
import trio
from cryptography.fernet import Fernet

from client.terminal.account import register
from client.terminal.device import open_device
from memory.vault import NoSuchUser
from server.key_commands import CommandFailed, reembed, rotate_user_key
from server.settings.environment import load_settings
from streaming.wire import WsMutationAck
from tests.database import login_settings, temporary_directory
from tests.server.server_process import EMAIL, PASSWORD, Server, command

pytestmark = pytest.mark.slow


@pytest.fixture
def state() -> Iterator[Path]:
    # PostgreSQL needs a short path that other accounts can enter.
    with temporary_directory() as folder:
        yield folder / "state"


@pytest.fixture
def start(state: Path) -> Iterator[Callable[..., Server]]:
    """Starts servers on the state folder; they are stopped after the test."""
    servers: list[Server] = []

    def start(**settings: str) -> Server:
        servers.append(Server(state, **settings))
        return servers[-1]

    yield start
    for server in servers:
        server.end()


def records(server: Server, token: str) -> list[dict[str, Any]]:
    response = httpx.get(f"{server.url('http')}/api/v1/memory", headers={"Authorization": f"Bearer {token}"})
    assert response.status_code == 200
    return [json.loads(line) for line in response.text.splitlines()]


async def tell(server: Server, token: str, message: str) -> None:
    async with open_device(server.url("ws"), token) as device:
        answer = await device.home(message)
        assert (await answer.finish()).status == "completed"


def test_a_kill_between_the_durable_write_and_the_enrichment_loses_nothing(
    database: str, start: Callable[..., Server]
) -> None:
    key = Fernet.generate_key().decode()
    settings = {**login_settings(database), "TESSERA_MASTER_KEYS": key}
    server = start(**settings)
    token = trio.run(register, server.url("http"), EMAIL, PASSWORD).access_token
    with psycopg.connect(database, autocommit=True) as owner:
        # Enrichment waits for the locked table; the durable write does not use that table.
        with owner.transaction():
            owner.execute("LOCK TABLE memory_proactive IN EXCLUSIVE MODE")
            trio.run(tell, server, token, "My sister Clara moved to Lisbon. Call me Annie.")
            server.process.send_signal(signal.SIGKILL)
            server.process.wait()
        assert owner.execute("SELECT count(*) FROM memory_episodic").fetchone() == (1,)
        assert owner.execute("SELECT count(*) FROM memory_pending").fetchone() == (1,)
        assert owner.execute("SELECT count(*) FROM memory_associative").fetchone() == (0,)

        # The claim of the killed process ends with its lease.
        owner.execute("UPDATE memory_pending SET due_at = now()")

    server = start(**settings)
    for _ in range(500):
        found = records(server, token)
        if {record["tier"] for record in found} == {"core", "episodic", "associative"}:
            break
    assert sorted(record["tier"] for record in found) == ["associative", "core", "episodic"]


async def edit(server: Server, token: str, names: Sequence[str], *, until: Literal["stored", "received"]) -> None:
    """Send a change per name. Wait until all are acknowledged as stored, or until the server has read the frames."""
    async with open_device(server.url("ws"), token) as device:
        unstored = {uuid4(): name for name in names}
        for mutation_id, name in unstored.items():
            await device.mutate("update", "task", name, {"title": f"Do {name}"}, mutation_id=mutation_id)
        while until == "stored" and unstored:
            frame = await device.receive()
            assert isinstance(frame, WsMutationAck)
            del unstored[frame.mutation_id]
        if until == "received":
            await device.ping()


def tasks(server: Server, token: str) -> set[str]:
    return {record["entity_id"] for record in records(server, token) if record["tier"] == "associative"}


def test_changes_outlive_a_kill_and_a_stop(database: str, start: Callable[..., Server]) -> None:
    settings = {
        **login_settings(database),
        "TESSERA_MASTER_KEYS": Fernet.generate_key().decode(),
        # Longer than the queued changes take on a busy machine. The server ends as soon as they are stored.
        "TESSERA_DRAIN_GRACE_S": "60",
    }
    server = start(**settings)
    token = trio.run(register, server.url("http"), EMAIL, PASSWORD).access_token
    killed = [f"k{number}" for number in range(60)]
    trio.run(partial(edit, until="stored"), server, token, killed)
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()

    server = start(**settings)
    assert tasks(server, token) == set(killed)
    stopped = [f"s{number}" for number in range(150)]
    with psycopg.connect(database, autocommit=True) as owner, owner.transaction():
        # The table is locked, so all changes are queued when the server gets the signal to stop.
        owner.execute("LOCK TABLE memory_associative IN EXCLUSIVE MODE")
        trio.run(partial(edit, until="received"), server, token, stopped)
        assert len(tasks(server, token)) == 60
        server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(90) == 0
    assert tasks(start(**settings), token) == {*killed, *stopped}


def test_keys_are_rotated_by_commands_while_the_server_runs(
    database: str, tmp_path: Path, start: Callable[..., Server]
) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    server = start(**login_settings(database), TESSERA_MASTER_KEYS=f"{old},{new}")
    token = trio.run(register, server.url("http"), EMAIL, PASSWORD).access_token
    trio.run(tell, server, token, "My sister Clara moved to Lisbon.")
    environment = {**login_settings(database), "TESSERA_STATE_DIR": str(tmp_path)}

    rotated = command("rotate-master-key", **environment, TESSERA_MASTER_KEYS=f"{new},{old}")
    assert (rotated.returncode, rotated.stderr) == (0, "")
    assert "users' keys: 1 re-encrypted," in rotated.stdout
    again = command("rotate-master-key", **environment, TESSERA_MASTER_KEYS=new)
    assert "users' keys: 0 re-encrypted, 1 already current, 0 failed" in again.stdout
    rekeyed = command("rotate-user-key", EMAIL, **environment, TESSERA_MASTER_KEYS=new)
    assert (rekeyed.returncode, rekeyed.stderr) == (0, "")
    assert any(record["tier"] == "episodic" for record in records(server, token))

    wrong = command("run", **environment, TESSERA_MASTER_KEYS=Fernet.generate_key().decode())
    assert wrong.returncode == 1
    assert "no master key unwraps" in wrong.stderr
    assert "Traceback" not in wrong.stderr


def test_embedded_defaults_keep_shares_and_erase_permanently(state: Path, start: Callable[..., Server]) -> None:
    server = start()
    token = trio.run(register, server.url("http"), EMAIL, PASSWORD).access_token
    trio.run(tell, server, token, "My sister Clara moved to Lisbon.")
    headers = {"Authorization": f"Bearer {token}"}
    receipt = httpx.delete(f"{server.url('http')}/api/v1/memory", headers=headers).json()
    assert receipt["backups_unreadable"] is True
    assert receipt["removed"]["episodic"] == 1
    (share,) = (state / "key-shares").rglob("*-*/*-*")
    assert records(server, token) == []

    # The next start removes what a killed `rotate-user-key` left.
    server.end()
    left = share.with_name(str(uuid4()))
    left.write_bytes(b"x" * 32)
    noted = state / "key-shares" / "unsettled" / f"{share.parent.name}.{left.name}"
    noted.touch()
    server = start()
    for _ in range(500):
        if not noted.exists():
            break
        assert records(server, token) == []
    assert list((state / "key-shares").rglob("*-*/*-*")) == [share]


@pytest.mark.parametrize(
    ("user", "complaint"),
    [
        ("nobody@example.com", "no account has the e-mail"),
        ("nobody", "neither a user id nor an e-mail"),
        ("00000000-0000-0000-0000-000000000001", "no longer exists"),
        (None, "no embedding model is available"),
    ],
)
async def test_errors_of_the_commands(database: str, tmp_path: Path, user: str | None, complaint: str) -> None:
    settings = load_settings({**login_settings(database), "TESSERA_STATE_DIR": str(tmp_path)})
    with pytest.raises((CommandFailed, NoSuchUser), match=complaint):
        await (reembed(settings, None) if user is None else rotate_user_key(settings, user))
