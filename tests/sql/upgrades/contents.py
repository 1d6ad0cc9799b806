"""What the people of an earlier version's database did, and how the server's code reads it back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import psycopg
import trio
from argon2 import PasswordHasher

from memory.delivery.devices import ClientRecord
from memory.keys.master import KeyRing
from memory.maintenance.key_check import check_keys
from memory.tiers.entities import EntityChange
from server.accounts.accounts import Accounts, normalise_email
from server.accounts.credentials import Passwords
from server.models.spend_table import TokenSpendTable
from server.relay.messages import SEAL_LABEL, Announced, Seal
from server.relay.store import RelayStore
from sql.pool import open_pool
from sql.statements import Statements
from sql.tenant import configure_server
from streaming.wire import WsServerMutation
from tests.memory.memories import Memories, WordEmbedder

ADA: Final = "ada@example.com"
"""Has a key share, and rows in every table."""
BEN: Final = "ben@example.com"
"""Registered on a server without key shares."""
CARL: Final = "carl@example.com"
"""Erased all memory, then used it again."""
PASSWORDS: Final = {ADA: "correct horse battery", BEN: "staple tulip gravel", CARL: "violet anchor plum"}

DEVICE: Final = UUID("6f1a52c4-7d0e-4a39-8d0f-0c3f5b8a2a10")
SOCKET: Final = UUID("d2b1b6a0-51a4-4f2c-9a27-9c5f6f8f0b11")
MESSAGE: Final = UUID("3c7f0f7e-2f0b-4b4e-8a55-6a0f1f2f7c13")
MUTATION: Final = WsServerMutation(op="update", entity="task", id="task-1", data={"title": "Renew the passport"})
CLIENT: Final = ClientRecord("tessera-terminal", "0.1.0", "terminal")
ANSWERED: Final = UUID("a3c1f5d2-0c58-4f0e-9b5e-5d7d2a6b1c14")
RUNNING: Final = UUID("b7e2a6c3-1d69-4a1f-8c6f-6e8e3b7c2d15")
CLAIM: Final = UUID("c8f3b7d4-2e7a-4b2a-9d7a-7f9f4c8d3e16")
RESULT: Final = {"status": "completed", "blocks": [{"block": 0, "block_type": "text", "content": "Two tasks."}]}
CENTURY_S: Final = 3.2e9

MONDAY: Final = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
SPENT_ON: Final = date(2026, 3, 2)
SPENT: Final = 123_456

SISTER: Final = "My sister Clara moved to Lisbon."
FORGOTTEN: Final = "The alarm code of the cellar is written behind the clock."
UNFINISHED: Final = "Our landlord Piet repaired the boiler."
TASK: Final = {"title": "Renew the passport", "status": "open"}
PLAN: Final = {"title": "Compare three tariffs", "status": "open"}


_CHEAP: Final = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a server that read and write the tables, on one pool."""

    memories: Memories
    accounts: Accounts
    spending: TokenSpendTable
    relay: RelayStore
    seal: Seal


@asynccontextmanager
async def open_parts(
    conninfo: str, master_key: str, shares: Path | None, hasher: PasswordHasher | None = None
) -> AsyncIterator[Parts]:
    """The parts as `server.main` makes them, with an embedder that needs no model.

    `hasher` makes new password hashes; stored hashes are checked with their own parameters.
    """
    async with open_pool(conninfo, max_size=4, configure=configure_server) as pool:
        memories = Memories(pool, master_keys=[master_key], shares=shares, embedder=WordEmbedder())
        statements = Statements.load()
        seal = Seal(KeyRing([master_key]).derive(SEAL_LABEL))
        yield Parts(
            memories,
            Accounts(pool, statements, Passwords(trio.CapacityLimiter(1), hasher or _CHEAP), memories.keys),
            TokenSpendTable(pool, statements),
            RelayStore(pool, statements, seal, stale_s=30.0),
            seal,
        )


async def fill(conninfo: str, master_key: str, shares: Path) -> None:
    """Do what leaves rows in every table of an empty, migrated database."""
    async with open_parts(conninfo, master_key, None, PasswordHasher()) as parts:
        ben = await parts.accounts.register(normalise_email(BEN), PASSWORDS[BEN])
        await parts.memories.tell(ben, "My brother Noah plays the oboe.", "Noted.")
        await parts.memories.middleware.update_core(ben, "preferred_name", "Ben")
    async with open_parts(conninfo, master_key, shares, PasswordHasher()) as parts:
        carl = await parts.accounts.register(normalise_email(CARL), PASSWORDS[CARL])
        await _use_and_erase(parts, carl)
        # The last, so that no enrichment takes the work that must be waiting in the dump.
        ada = await parts.accounts.register(normalise_email(ADA), PASSWORDS[ADA])
        await _use(parts, ada)


async def _use(parts: Parts, user_id: UUID) -> None:
    memories, middleware = parts.memories, parts.memories.middleware
    for name in ("Augusta", "Ada"):  # the first becomes the history of the second
        await middleware.update_core(user_id, "preferred_name", name)
    await middleware.update_core(user_id, "diet", {"kind": "vegetarian", "except": ["fish"]})
    await memories.tell(user_id, SISTER, "Noted.", agent="memory_agent")
    for week in range(4):  # a pattern needs several days
        at = MONDAY + timedelta(weeks=week)
        await middleware.store_episode(
            user_id, "home", f"What is due for Apollo in week {week}?", "Two tasks.", agent="task_agent", at=at
        )
    await middleware.enrichment.run_once()
    created = datetime.now(UTC)
    for id_ in ("task-1", "task-2"):
        await middleware.changed(user_id, [EntityChange("create", "task", id_, TASK, created)])
    await middleware.enrichment.run_once()
    # Forgotten things leave tombstones: one of a statement and one of an entity.
    await memories.tell(user_id, FORGOTTEN, "Noted.")
    records = await memories.records(user_id)
    (statement,) = [record for record in records if FORGOTTEN in str(record.get("text"))]
    (entity,) = [record for record in records if record.get("entity_id") == "task-2"]
    for record in (statement, entity):
        assert await middleware.forget(user_id, UUID(str(record["id"])))
    # Work that no background task has done yet.
    await middleware.store_episode(user_id, "home", UNFINISHED, "Good to know.")
    await middleware.changed(user_id, [EntityChange("create", "task", "task-3", PLAN, datetime.now(UTC))])

    await middleware.devices.connect(user_id, DEVICE, CLIENT)
    await middleware.change_log.seen(user_id, DEVICE, 1)
    for request_id in (ANSWERED, RUNNING):
        server_id = parts.relay.server_id
        assert await middleware.answers.claim(user_id, request_id, CLAIM, server_id, DEVICE, "asked", CENTURY_S)
    assert await middleware.answers.changing(user_id, RUNNING, CLAIM)
    ended = {"changed": False, "digest": "asked", "result": RESULT, "ttl_s": CENTURY_S}
    assert await middleware.answers.end(user_id, ANSWERED, CLAIM, "completed", **ended) == "kept"  # type: ignore[arg-type]
    await parts.spending.settle(user_id, SPENT_ON, uuid4(), SPENT)
    await parts.relay.heartbeat()
    await parts.relay.join(user_id, DEVICE, SOCKET)
    await parts.relay.send(user_id, parts.relay.server_id, Announced(frame=MUTATION), 3600.0, MESSAGE)


async def _use_and_erase(parts: Parts, user_id: UUID) -> None:
    await parts.memories.tell(user_id, "My uncle keeps bees in Tartu.", "Noted.")
    await parts.memories.middleware.erase(user_id)
    await parts.memories.middleware.update_core(user_id, "preferred_name", "Carl")


def person(conninfo: str, email: str) -> UUID:
    """The id of the user with this e-mail address. Hashes no password, unlike a login, which takes long."""
    with psycopg.connect(conninfo) as connection:
        row = connection.execute("SELECT user_id FROM users WHERE email = %s", [email]).fetchone()
    assert row is not None
    return UUID(str(row[0]))


async def exports(conninfo: str, master_key: str, shares: Path) -> dict[str, list[dict[str, Any]]]:
    """Every person's export by e-mail address, after a check of all keys."""
    async with open_parts(conninfo, master_key, shares) as parts:
        await check_keys(parts.memories.vault)
        found = {email: await parts.memories.records(person(conninfo, email)) for email in PASSWORDS}
        assert not parts.memories.unreadable
        return found


async def recalled(conninfo: str, master_key: str, shares: Path) -> dict[str, Any]:
    """What ADA's memory recalls for a question, as JSON data."""
    async with open_parts(conninfo, master_key, shares) as parts:
        question = "Where did my sister Clara move?"
        return await parts.memories.context(person(conninfo, ADA), question)


async def delivered(conninfo: str, master_key: str, shares: Path) -> dict[str, Any]:
    """What is kept for ADA's device: its requests and the changes that it missed, as JSON data."""
    async with open_parts(conninfo, master_key, shares) as parts:
        ada, middleware = person(conninfo, ADA), parts.memories.middleware
        record = await middleware.devices.connect(ada, DEVICE, CLIENT)
        missed = await middleware.change_log.missed(ada, record.change_cursor or 0)
        requests = {}
        for kept in record.requests:
            read = await middleware.answers.read(ada, kept.request_id)
            assert read is not None
            requests[str(kept.request_id)] = [read.state, read.changed, read.digest, read.result]
        return {
            "is_new": record.is_new,
            "requests": requests,
            "missed": missed.missed,
            "changes": [[change.number, change.body] for change in missed.changes],
        }
