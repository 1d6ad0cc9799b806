"""The relay's tables: who runs, who is connected where, what waits for whom. All methods raise what the pool raises."""

from __future__ import annotations

from typing import Final
from uuid import UUID, uuid4

from server.relay.messages import Message, Seal
from sql.pool import Pool
from sql.statements import Statements
from sql.tenant import listing, scoped

_FORGET_S: Final = 60.0
_BATCH: Final = 500


def channel_of(server_id: UUID) -> str:
    """The channel on which a server hears of its messages."""
    return f"tessera_{server_id.hex}"


class RelayStore:
    """One server's view of the tables. `stale_s`: a server that was not seen for so long does not run."""

    def __init__(self, pool: Pool, statements: Statements, seal: Seal, *, stale_s: float) -> None:
        self.server_id = uuid4()
        self._pool = pool
        self._statements = statements
        self._seal = seal
        self._stale_s = stale_s

    def __repr__(self) -> str:
        return f"<RelayStore of {self.server_id}>"

    async def heartbeat(self) -> bool:
        """Say that this server runs. Returns whether the database did not know, and so knows none of its devices."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(self._statements["relay_heartbeat"], {"worker_id": self.server_id})
            row = await cursor.fetchone()
        return bool(row and row[0])

    async def live(self) -> set[UUID]:
        """The servers that run."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(self._statements["relay_workers_live"], {"stale_s": self._stale_s})
            return {server_id for (server_id,) in await cursor.fetchall()}

    async def leave(self) -> None:
        """This server ends."""
        async with self._pool.connection() as connection:
            await connection.execute(self._statements["relay_worker_leave"], {"worker_id": self.server_id})

    async def expire(self) -> None:
        """Remove what is over, whoever left it."""
        async with listing(self._pool) as connection:
            await connection.execute(self._statements["relay_expire_workers"], {"forget_s": _FORGET_S})
            await connection.execute(self._statements["relay_expire_devices"])
            await connection.execute(self._statements["relay_expire_messages"])
            await connection.execute(self._statements["relay_expire_requests"])

    async def join(self, user_id: UUID, device_id: UUID, connection_id: UUID) -> tuple[UUID, UUID] | None:
        """The device's socket is here. Returns the server and the session that had it until now, if any did."""
        values = self._device(user_id, device_id, connection_id)
        async with scoped(self._pool, user_id) as connection:
            await connection.execute(self._statements["relay_device_lock"], values)
            cursor = await connection.execute(self._statements["relay_device_join"], values)
        row = await cursor.fetchone()
        return None if row is None or row[0] is None else (row[0], row[1])

    async def part(self, user_id: UUID, device_id: UUID, connection_id: UUID) -> None:
        """The device's socket is closed."""
        values = self._device(user_id, device_id, connection_id)
        async with scoped(self._pool, user_id) as connection:
            await connection.execute(self._statements["relay_device_leave"], values)

    async def devices(self, user_id: UUID) -> list[tuple[UUID, UUID]]:
        """(device, server) of the user's connected devices, the latest first."""
        values = {"user_id": user_id, "stale_s": self._stale_s}
        async with scoped(self._pool, user_id) as connection:
            cursor = await connection.execute(self._statements["relay_devices_live"], values)
        return [(device_id, server_id) for device_id, server_id in await cursor.fetchall()]

    async def send(
        self, user_id: UUID, server_id: UUID, message: Message, ttl_s: float, message_id: UUID | None = None
    ) -> None:
        """Leave `message` for a server for `ttl_s` seconds at most, and tell it.

        One that may be withdrawn has an `message_id`, which no other message of the user's ever has.
        """
        message_id = message_id or uuid4()
        values = {
            "user_id": user_id,
            "id": message_id,
            "worker_id": server_id,
            "body_encrypted": self._seal.close(user_id, message_id, message),
            "ttl_s": ttl_s,
            "channel": channel_of(server_id),
        }
        async with scoped(self._pool, user_id) as connection:
            await connection.execute(self._statements["relay_send"], values)

    async def withdraw(self, user_id: UUID, message_id: UUID) -> bool:
        """Take a message back; False when it is not there (any more)."""
        async with scoped(self._pool, user_id) as connection:
            values = {"user_id": user_id, "id": message_id}
            cursor = await connection.execute(self._statements["relay_withdraw"], values)
        return await cursor.fetchone() is not None

    async def take(self, user_id: UUID, message_id: UUID) -> tuple[Message, float] | None:
        """The message, which nobody gets again, and the seconds for which it would have waited yet.

        None when it is taken, withdrawn or over. Raises `messages.Unreadable` too.
        """
        values = {"user_id": user_id, "id": message_id, "worker_id": self.server_id}
        async with scoped(self._pool, user_id) as connection:
            cursor = await connection.execute(self._statements["relay_take"], values)
        row = await cursor.fetchone()
        return None if row is None else (self._seal.open(user_id, message_id, bytes(row[0])), float(row[1]))

    async def waiting(self) -> list[tuple[UUID, UUID]]:
        """(user, message) of what waits for this server, in its order."""
        async with listing(self._pool) as connection:
            values = {"worker_id": self.server_id, "limit": _BATCH}
            cursor = await connection.execute(self._statements["relay_waiting"], values)
        return [(user_id, message_id) for user_id, message_id in await cursor.fetchall()]

    async def claim(self, user_id: UUID, request_id: UUID, ttl_s: float) -> bool:
        """Take a request id into use for `ttl_s` seconds; False when a server has."""
        values = {"user_id": user_id, "request_id": request_id, "ttl_s": ttl_s}
        async with scoped(self._pool, user_id) as connection:
            cursor = await connection.execute(self._statements["relay_request_claim"], values)
        return await cursor.fetchone() is not None

    async def release(self, user_id: UUID, request_id: UUID) -> None:
        """Give back a request id that `claim` took into use."""
        values = {"user_id": user_id, "request_id": request_id}
        async with scoped(self._pool, user_id) as connection:
            await connection.execute(self._statements["relay_request_release"], values)

    def _device(self, user_id: UUID, device_id: UUID, connection_id: UUID) -> dict[str, UUID]:
        return {
            "user_id": user_id,
            "device_id": device_id,
            "connection_id": connection_id,
            "worker_id": self.server_id,
        }
