"""Sweeps find every user with work, wherever they start, and read an index from there."""

from __future__ import annotations

import json
import re
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from sql.pool import Pool
from sql.statements import StatementName, Statements
from sql.sweeps import random_slice, swept_users

STATEMENTS = Statements.load()
LAST = UUID(int=2**128 - 1)


def with_messages(database: str, server_id: UUID, count: int) -> list[UUID]:
    """Users with two messages each for a server, and one whose message is for another one."""
    users = sorted(uuid4() for _ in range(count))
    with psycopg.connect(database) as owner, owner.cursor() as cursor:
        for user_id, receiver in [*((user_id, server_id) for user_id in users), (uuid4(), uuid4())]:
            cursor.execute(
                "INSERT INTO users (user_id, email, password_hash) VALUES (%s, %s, 'none')",
                [user_id, f"{user_id.hex}@example.com"],
            )
            cursor.execute(
                "INSERT INTO relay_messages (user_id, id, worker_id, body_encrypted, expires_at)"
                " SELECT %s, gen_random_uuid(), %s, 'sealed', now() + interval '1 hour' FROM generate_series(1, 2)",
                [user_id, receiver],
            )
    return users


async def test_a_sweep_starts_at_a_user_and_goes_on_at_the_first_one(pool: Pool, database: str) -> None:
    server_id = uuid4()
    users = with_messages(database, server_id, 7)

    async def swept(limit: int, start: UUID) -> list[UUID]:
        values = {"server_id": server_id}
        return await swept_users(pool, STATEMENTS["relay_waiting"], limit, values, start=start)

    assert await swept(10, users[4]) == [*users[4:], *users[:4]]
    assert await swept(10, LAST) == users
    assert await swept(2, users[3]) == users[3:5]
    assert await swept(4, users[5]) == [*users[5:], *users[:2]]


async def test_random_starts_find_everyone_beyond_the_limit(pool: Pool, database: str) -> None:
    server_id = uuid4()
    users = with_messages(database, server_id, 20)
    found: set[UUID] = set()
    sweeps = 0
    while found != set(users):
        swept = await swept_users(pool, STATEMENTS["relay_waiting"], 5, {"server_id": server_id})
        assert len(swept) == 5
        found |= set(swept)
        sweeps += 1
        assert sweeps < 1000


def test_slices_are_equal_and_cover_all_ids() -> None:
    slices = {random_slice(4) for _ in range(500)}
    assert sorted((start.int, end.int + 1) for start, end in slices) == [
        (number << 126, number + 1 << 126) for number in range(4)
    ]


@pytest.mark.parametrize(
    ("name", "condition"),
    [
        ("pending_users", "user_id >= "),
        ("unembedded_users", "user_id >= "),
        ("relay_waiting", "worker_id = .* user_id >= "),
        ("relay_take", "worker_id = .* user_id = |user_id = .* worker_id = "),
        ("relay_devices_of_servers", "worker_id = ANY"),
        ("relay_sweep_devices", "user_id >= .* user_id <= "),
        ("relay_expire_messages", "expires_at < "),
        ("requests_expire", "expires_at < "),
        ("changes_expire", "expires_at < "),
        ("logins_expire", "expires_at < "),
        ("invites_expire", "expires_at < "),
        ("deleted_users_expire", "deleted_at < "),
        ("devices_expire", "last_seen_at < "),
        ("forgotten_expire", "until < "),
        ("rekey_users", "rekey_due_at <= "),
    ],
)
def test_statements_of_the_background_read_an_index(database: str, name: StatementName, condition: str) -> None:
    """With millions of rows. Here sequential scans are forbidden instead: without an index no other plan exists."""
    text = re.sub(r"(?m)^--.*\n", "", STATEMENTS[name].decode()).strip().removesuffix(";")
    names = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", text)))
    query = re.sub(r"%\((\w+)\)s", lambda match: f"${names.index(match[1]) + 1}", text)
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute("SET enable_seqscan = off")
        owner.execute("SET enable_sort = off")
        (plan,) = owner.execute(f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {query}".encode()).fetchone() or ("",)
    conditions = indexes(plan)
    assert any(re.search(condition, found) for found in conditions), json.dumps(plan, indent=1)


def indexes(plan: Any) -> list[str]:
    """The conditions with which a plan reads indexes."""
    if isinstance(plan, list):
        return [found for part in plan for found in indexes(part)]
    if isinstance(plan, dict):
        own = [re.sub(r"[()]", "", plan["Index Cond"])] if "Index Cond" in plan else []
        return own + [found for part in plan.values() for found in indexes(part)]
    return []
