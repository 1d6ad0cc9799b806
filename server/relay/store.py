"""The relay's tables: running servers, connected devices, waiting messages. All methods raise what the pool raises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from server.presence import Beat, ServerTable
from server.relay.messages import Message, Seal, Unreadable
from sql.pool import Pool
from sql.row_ids import new_row_id
from sql.statements import Statements
from sql.sweeps import random_slice, swept_users
from sql.tenant import database_time, listing, scoped, without_user

MAX_WAITING: Final = 500
BEAT: Final = "beat"
"""The payload of the notification that a server sends to itself."""
_SLICES: Final = 256
_BATCH: Final = 50


@dataclass(frozen=True, slots=True)
class Taken:
    """A message that was taken out, or why it can't be read; and the seconds that were left until it expired."""

    message: Message | Unreadable
    left_s: float


def channel_of(server_id: UUID) -> str:
    """The notification channel of a server's messages."""
    return f"tessera_{server_id.hex}"


class RelayStore(ServerTable):
    """One server's view of the tables."""

    def __init__(self, pool: Pool, statements: Statements, seal: Seal, *, stale_s: float) -> None:
        super().__init__(pool, statements, stale_s=stale_s)
        self._seal = seal

    async def heartbeat(self) -> Beat:
        """Record that this server runs.

        Notifies this server too, with `BEAT`, so that it learns whether its notifications arrive.
        """
        async with without_user(self._pool) as connection:
            cursor = await connection.execute(self._statements["relay_heartbeat"], {"server_id": self.server_id})
            beat = {"channel": channel_of(self.server_id), "payload": BEAT}
            await connection.execute(self._statements["relay_notify_beat"], beat)
        row = await cursor.fetchone()
        if row is None:
            raise LookupError("INSERT gave no row")
        return Beat(*row)

    async def expire(self) -> None:
        """Remove what servers that are gone have left: their rows, their devices, and expired messages.

        Also looks at a random slice of the users for devices whose server was removed before they were written.
        """
        await super().expire()
        start, end = random_slice(_SLICES)
        async with listing(self._pool) as connection:
            now = await database_time(connection, self._statements)
            await connection.execute(self._statements["relay_sweep_devices"], {"start": start, "end": end})
            await connection.execute(self._statements["relay_expire_messages"], {"now": now})

    async def join(
        self, user_id: UUID, device_id: UUID, connection_id: UUID, *, take: bool = True
    ) -> tuple[UUID, UUID, bool] | None:
        """Record that this server has the device's session. Returns the server and session that had it before, or None.

        The flag is true if that server runs. If it is another one, and not `take`, then nothing was recorded.
        """
        values = self._device(user_id, device_id, connection_id) | {"take": take, "stale_s": self._stale_s}
        async with scoped(self._pool, user_id) as connection:
            await connection.execute(self._statements["relay_device_lock"], values)
            cursor = await connection.execute(self._statements["relay_device_join"], values)
        row = await cursor.fetchone()
        return None if row is None or row[0] is None else (row[0], row[1], row[2])

    async def rejoin(self, user_id: UUID, device_id: UUID, connection_id: UUID) -> bool:
        """Like `join`, but changes nothing and returns False if a running server has a newer connection of it."""
        values = self._device(user_id, device_id, connection_id)
        async with scoped(self._pool, user_id) as connection:
            await connection.execute(self._statements["relay_device_lock"], values)
            values |= {"take": True, "stale_s": self._stale_s}
            cursor = await connection.execute(self._statements["relay_device_elsewhere"], values)
            if await cursor.fetchone() is not None:
                return False
            await connection.execute(self._statements["relay_device_join"], values)
        return True

    async def away(self, user_id: UUID, device_id: UUID, connection_id: UUID) -> None:
        """Record that the device's socket is closed, and that its session waits for it."""
        values = self._device(user_id, device_id, connection_id)
        async with scoped(self._pool, user_id) as connection:
            await connection.execute(self._statements["relay_device_away"], values)

    async def part(self, user_id: UUID, device_id: UUID, connection_id: UUID) -> None:
        """Record that the device's session has ended."""
        values = self._device(user_id, device_id, connection_id)
        async with scoped(self._pool, user_id) as connection:
            await connection.execute(self._statements["relay_device_leave"], values)

    async def devices(self, user_id: UUID) -> list[tuple[UUID, UUID, bool]]:
        """(device, server, whether it has a socket) of the user's devices with a session, the latest socket first."""
        values = {"user_id": user_id, "stale_s": self._stale_s}
        async with scoped(self._pool, user_id) as connection:
            cursor = await connection.execute(self._statements["relay_devices_live"], values)
        return [(device_id, server_id, attached) for device_id, server_id, attached in await cursor.fetchall()]

    async def send(
        self, user_id: UUID, server_id: UUID, message: Message, ttl_s: float, message_id: UUID | None = None
    ) -> None:
        """Store `message` for a server for at most `ttl_s` seconds, and notify that server.

        A message that may be withdrawn needs a `message_id`, which no other message of the user may have.
        """
        message_id = message_id or new_row_id()
        values = {
            "user_id": user_id,
            "id": message_id,
            "server_id": server_id,
            "body_encrypted": self._seal.close(user_id, message_id, message),
            "ttl_s": ttl_s,
            "channel": channel_of(server_id),
        }
        async with scoped(self._pool, user_id) as connection:
            await connection.execute(self._statements["relay_send"], values)
            await connection.execute(self._statements["relay_notify"], values)

    async def withdraw(self, user_id: UUID, message_id: UUID) -> bool:
        """Take a message back. Returns False if it is not in the table."""
        async with scoped(self._pool, user_id) as connection:
            values = {"user_id": user_id, "id": message_id}
            cursor = await connection.execute(self._statements["relay_withdraw"], values)
        return await cursor.fetchone() is not None

    async def untaken(self, user_id: UUID, message_ids: Sequence[UUID]) -> int:
        """The number of these messages that wait for their servers."""
        async with scoped(self._pool, user_id) as connection:
            values = {"user_id": user_id, "ids": list(message_ids)}
            cursor = await connection.execute(self._statements["relay_untaken"], values)
        row = await cursor.fetchone()
        return 0 if row is None else int(row[0])

    async def take(self, user_id: UUID) -> tuple[list[Taken], bool]:
        """Take the oldest messages of a user out, in the order of sending. The flag is true if more may wait.

        A message is in the answer of one `take` at most, and in none if it was withdrawn or has expired.
        """
        values = {"user_id": user_id, "server_id": self.server_id, "limit": _BATCH}
        async with scoped(self._pool, user_id) as connection:
            cursor = await connection.execute(self._statements["relay_take"], values)
        rows = await cursor.fetchall()
        return [self._taken(user_id, *row) for row in rows if row[2] > 0], len(rows) == _BATCH

    def _taken(self, user_id: UUID, message_id: UUID, body: bytes, left_s: float) -> Taken:
        try:
            return Taken(self._seal.open(user_id, message_id, bytes(body)), left_s)
        except Unreadable as error:
            return Taken(error, left_s)

    async def waiting(self) -> list[UUID]:
        """The users with messages that wait for this server, at most `MAX_WAITING`, from a random one on."""
        values = {"server_id": self.server_id}
        return await swept_users(self._pool, self._statements["relay_waiting"], MAX_WAITING, values)

    def _device(self, user_id: UUID, device_id: UUID, connection_id: UUID) -> dict[str, UUID | bool | float]:
        return {
            "user_id": user_id,
            "device_id": device_id,
            "connection_id": connection_id,
            "server_id": self.server_id,
        }
