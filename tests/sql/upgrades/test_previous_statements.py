"""Servers of a previous version go on while the database is migrated: their statements run on today's schema.

`previous/` has the statements of the versions before most migrations; `previous_statements.py` says how to add one.
"""

from __future__ import annotations

import re
from typing import Final
from uuid import uuid4

import psycopg
import pytest

from sql.driver.connection import TrioConnection
from sql.migrate import read_migrations
from sql.pool import Pool
from sql.statements.loader import Statements
from sql.tenant import listing, scoped, scoped_to_email
from tests.sql.tenant_rows import rows
from tests.sql.upgrades.previous_statements import statements, versions


def without_comments(version: str) -> dict[str, str]:
    return {
        name: re.sub(r"(?m)^--.*\n", "", text).strip().removesuffix(";") for name, text in statements(version).items()
    }


STATEMENTS: Final = without_comments("0014_memory_messages")


@pytest.mark.parametrize("version", versions())
async def test_the_schema_takes_every_statement_of_a_previous_version(database: str, version: str) -> None:
    assert version in [migration.name for migration in read_migrations()]
    refused = {}
    async with await TrioConnection.connect(database, autocommit=True) as connection:
        await connection.execute("SET ROLE tessera_server")
        for name, text in without_comments(version).items():
            names = list(dict.fromkeys(re.findall(r"%\((\w+)\)[sb]", text)))
            query = re.sub(r"%\((\w+)\)[sb]", lambda match, names=names: f"${names.index(match[1]) + 1}", text)  # type: ignore[misc]
            try:
                await connection.execute(b"EXPLAIN (GENERIC_PLAN) " + query.encode())
            except psycopg.Error as error:
                refused[name] = str(error)
    assert refused == {}


def test_the_files_have_the_statements_of_the_versions() -> None:
    counts = {version: len(statements(version)) for version in versions()}
    assert len(counts) >= 5
    assert counts["0014_memory_messages"] > 100
    assert all(counts.values())


async def test_a_person_whom_a_previous_server_registers_can_log_in(pool: Pool) -> None:
    user_id = uuid4()
    values = {"user_id": user_id, "email": "Ann@example.com", "password_hash": "hash", "encryption_key": b"key"}
    async with scoped(pool, user_id) as connection:
        added = await connection.execute(STATEMENTS["user_insert"].encode(), values)
    assert [row[0] for row in await added.fetchall()] == [user_id]
    today = Statements.load()
    async with scoped_to_email(pool, "ann@example.com") as connection:
        found = await connection.execute(today["user_by_email"], values)
    assert await found.fetchall() == [(user_id,)]
    # Neither registers an address that the other has registered.
    other = values | {"user_id": uuid4()}
    async with scoped(pool, other["user_id"]) as connection:  # type: ignore[arg-type]
        taken = await connection.execute(today["account_insert"], other)
    assert await taken.fetchall() == []


async def test_a_previous_server_sees_the_person_whom_a_new_one_registers(pool: Pool) -> None:
    user_id, today = uuid4(), Statements.load()
    values = {"user_id": user_id, "email": "ben@example.com", "password_hash": "hash", "encryption_key": b"key"}
    async with scoped(pool, user_id) as connection:
        await connection.execute(today["account_insert"], values)
        await connection.execute(today["user_insert"], values)
    async with scoped_to_email(pool, "ben@example.com") as connection:
        found = await connection.execute(STATEMENTS["user_by_email"].encode(), values)
    assert [row[0] for row in await found.fetchall()] == [user_id]
    other = values | {"user_id": uuid4()}
    async with scoped(pool, other["user_id"]) as connection:  # type: ignore[arg-type]
        taken = await connection.execute(STATEMENTS["user_insert"].encode(), other)
    assert await taken.fetchall() == []


@pytest.mark.parametrize("sender", ["previous", "today"])
async def test_messages_between_a_previous_and_a_new_server_arrive(pool: Pool, database: str, sender: str) -> None:
    user_id, server_id, today = uuid4(), uuid4(), Statements.load()
    person = {"user_id": user_id, "email": "cy@example.com", "password_hash": "hash", "encryption_key": b"key"}
    message = {"user_id": user_id, "id": uuid4(), "server_id": server_id, "body_encrypted": b"sealed", "ttl_s": 60.0}
    values = {**message, "channel": "nobody", "limit": 10}
    old_send, old_take = STATEMENTS["relay_send"].encode(), STATEMENTS["relay_take"].encode()
    send, take = (old_send, today["relay_take"]) if sender == "previous" else (today["relay_send"], old_take)
    async with scoped(pool, user_id) as connection:
        await connection.execute(today["account_insert"], person)
        await connection.execute(today["user_insert"], person)
        await connection.execute(send, values)
        taken = await connection.execute(take, values)
    assert [row[1] for row in await taken.fetchall()] == [b"sealed"]
    async with listing(pool) as connection:
        await connection.execute(STATEMENTS["relay_expire_devices"].encode())
        await connection.execute(STATEMENTS["relay_expire_messages"].encode())
    assert rows(database, "SELECT count(*) FROM relay_messages") == [(0,)]
