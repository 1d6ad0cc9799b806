"""The table of running servers. All methods raise what the pool raises."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from sql.pool import Pool
from sql.statements import Statements
from sql.tenant import database_time, listing, without_user

_FORGET_AFTER: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Beat:
    """A heartbeat that the database has. `at` is its time, by the database's clock.

    `is_new`: the database had no row of this server, and so none of its devices.
    """

    is_new: bool
    at: datetime


class ServerTable:
    """One server's view of the table. It makes its own id. A server that was not seen for `stale_s` seconds is gone."""

    def __init__(self, pool: Pool, statements: Statements, *, stale_s: float) -> None:
        self.server_id = uuid4()
        self._pool = pool
        self._statements = statements
        self._stale_s = stale_s

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.server_id}>"

    async def heartbeat(self) -> Beat:
        """Record that this server runs."""
        async with without_user(self._pool) as connection:
            cursor = await connection.execute(self._statements["relay_heartbeat"], {"server_id": self.server_id})
        row = await cursor.fetchone()
        if row is None:
            raise LookupError("INSERT gave no row")
        return Beat(*row)

    async def live(self) -> set[UUID]:
        """The running servers."""
        async with without_user(self._pool) as connection:
            cursor = await connection.execute(self._statements["relay_workers_live"], {"stale_s": self._stale_s})
            return {server_id for (server_id,) in await cursor.fetchall()}

    async def ages(self, server_ids: Collection[UUID]) -> Mapping[UUID, float]:
        """The seconds since the last heartbeat of each of these servers that has a row, by the database's clock."""
        async with without_user(self._pool) as connection:
            values = {"server_ids": list(server_ids)}
            cursor = await connection.execute(self._statements["relay_worker_ages"], values)
            return {server_id: float(age) for server_id, age in await cursor.fetchall()}

    async def leave(self) -> None:
        """Record that this server ends, with all of its devices."""
        async with listing(self._pool) as connection:
            gone = {"server_ids": [self.server_id]}
            await connection.execute(self._statements["relay_devices_of_servers"], gone)
            await connection.execute(self._statements["relay_worker_leave"], {"server_id": self.server_id})

    async def expire(self) -> None:
        """Remove the rows of servers that are gone, and their devices."""
        async with listing(self._pool) as connection:
            values = {"silent_since": await database_time(connection, self._statements) - _FORGET_AFTER}
            gone = await (await connection.execute(self._statements["relay_expire_workers"], values)).fetchall()
            if gone:
                server_ids = {"server_ids": [server_id for (server_id,) in gone]}
                await connection.execute(self._statements["relay_devices_of_servers"], server_ids)
