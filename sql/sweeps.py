"""Sweeps: lists users with work that nobody announced, for example because the server that should do it was killed.

A sweep starts at a random user and reads an index of the users' ids from there, up to its limit. So its cost does not
grow with the number of users, and servers that sweep at the same time find different users. Each user is found sooner
or later, no matter how much work others have.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Final
from uuid import UUID

from sql.pool import Pool
from sql.tenant import listing

_FIRST: Final = UUID(int=0)


async def swept_users(
    pool: Pool, statement: bytes, limit: int, values: Mapping[str, object] | None = None, *, start: UUID | None = None
) -> list[UUID]:
    """At most `limit` users from a random one on, in the order of their ids, and from the first id after the last one.

    `statement` is for the worker role and lists users in the order of their ids from `start`. Raises the database's
    errors.
    """
    start = start or random_user()
    async with listing(pool) as connection:
        rows = await (
            await connection.execute(statement, {**(values or {}), "start": start, "limit": limit})
        ).fetchall()
        if len(rows) < limit:
            again = {**(values or {}), "start": _FIRST, "limit": limit}
            rows += await (await connection.execute(statement, again)).fetchall()
    return list(dict.fromkeys(user_id for (user_id,) in rows))[:limit]


def random_user() -> UUID:
    """An id that splits the ids of users at random, because these are random too."""
    return UUID(int=secrets.randbits(128))


def random_slice(parts: int) -> tuple[UUID, UUID]:
    """The first and the last id of a random one of `parts` equal slices of all ids. `parts` is a power of two."""
    size = (1 << 128) // parts
    start = secrets.randbelow(parts) * size
    return UUID(int=start), UUID(int=start + size - 1)
