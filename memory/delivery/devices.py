"""The devices of a user: their records, and what is kept for a device that connects."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import trio

from memory.delivery.answers import KeptRequest
from memory.vault import NoSuchUser, Vault
from sql.batches import Batches
from sql.driver import Connection, Cursor, UnknownReference
from sql.tenant import scoped, scoped_in_turn

logger = logging.getLogger(__name__)

_SEEN_S: Final = 86_400.0
"""`last_seen_at` of a device that connects again is written at most once in this time."""

_MAX_REQUESTS: Final = 200
_MAX_STALE: Final = 10_000
_WRITE_S: Final = 5.0
_READ_S: Final = 6.0

Rows = Sequence[tuple[Any, ...]]


class TooManyDevices(Exception):
    """The user has as many devices as they may have. The text says how many and what to do."""


@dataclass(frozen=True, slots=True)
class ClientRecord:
    """The client of a device, as it describes itself."""

    name: str
    version: str
    platform: str


@dataclass(frozen=True, slots=True)
class DeviceRecord:
    """What the database has for a device. `last_change` is the number of the user's last change, 0 if there is none.

    `change_cursor` is the number of the last change that the device has applied; None if it has never said so.
    `requests` are its known requests, the oldest first, without `digest` and `result`. `may_have_expired`: the device
    has no record, and may have had one that was removed because the device had not been seen for too long.
    """

    is_new: bool
    last_change: int = 0
    change_cursor: int | None = None
    requests: Sequence[KeptRequest] = ()
    may_have_expired: bool = False


@dataclass(eq=False, slots=True)
class _Reading:
    user_id: UUID
    device_id: UUID
    rows: Rows = ()


class DeviceRecords:
    """The records of all devices. `run` it in the server's nursery.

    Devices that connect at the same time are read in one transaction, which takes no locks. Each statement of it sees
    only the rows of one user.
    """

    def __init__(self, vault: Vault, most: int = 100, *, keep_s: float = 400 * 86_400.0) -> None:
        """`most`: devices of one user, without revoked ones. They are removed `keep_s` seconds after they were seen."""
        self._vault = vault
        self._most = most
        self._keep_s = keep_s
        self._readings = Batches(self._read_together, "read the device", within_s=_READ_S)
        # Updates that `run` has not written yet. A lost one is repeated when the device connects again.
        self._stale: dict[tuple[UUID, UUID], ClientRecord] = {}
        self._writer_wakes = trio.Event()

    def __repr__(self) -> str:
        return f"<DeviceRecords, {len(self._readings)} not read, {len(self._stale)} not written>"

    async def connect(self, user_id: UUID, device_id: UUID, client: ClientRecord) -> DeviceRecord:
        """Record that a device connects, and read its rows. For a known device, this is one statement.

        A new device is committed when this returns. `run` updates the record of a known one later, if the client has
        changed or the device was not seen for a day. Raises `NoSuchUser`, `TooManyDevices` and the database's errors.
        """
        client = ClientRecord(*map(_text, (client.name, client.version, client.platform)))
        rows = await self._read(user_id, device_id)
        name, version, platform, is_old, last_change, change_cursor = rows[0][:6]
        is_new, may_have_expired = name is None, False
        if is_new:
            may_have_expired = await self._insert(user_id, device_id, client)
        elif is_old or client != ClientRecord(name, version, platform):
            self._update(user_id, device_id, client)
        requests = [KeptRequest(*row[6:]) for row in rows if row[6] is not None]
        return DeviceRecord(is_new, last_change, change_cursor, requests, may_have_expired)

    async def run(self) -> None:
        """Read what connecting devices need, and write records that are not up to date, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._readings.run)
            nursery.start_soon(self._run_writer)

    async def drain(self, within_s: float) -> None:
        """Write what is not written yet, for at most `within_s` seconds. Call it when no device can connect."""
        with trio.move_on_after(within_s):
            await self._write_all()

    # ---- reading ----------------------------------------------------------------------------------------------------

    async def _read(self, user_id: UUID, device_id: UUID) -> Rows:
        reading = _Reading(user_id, device_id)
        await self._readings.add(reading)
        return reading.rows

    async def _read_together(self, together: Sequence[_Reading]) -> None:
        async with scoped_in_turn(self._vault.pool) as turn:
            cursors = [await self._queue(await turn(reading.user_id), reading) for reading in together]
        for reading, cursor in zip(together, cursors, strict=True):
            reading.rows = await cursor.fetchall()

    async def _queue(self, connection: Connection, reading: _Reading) -> Cursor:
        values = {
            "user_id": reading.user_id,
            "device_id": reading.device_id,
            "seen_s": _SEEN_S,
            "limit": _MAX_REQUESTS,
        }
        return await connection.execute(self._vault.statements["device_read"], values)

    # ---- writing ----------------------------------------------------------------------------------------------------

    async def _insert(self, user_id: UUID, device_id: UUID, client: ClientRecord) -> bool:
        """Returns `DeviceRecord.may_have_expired`."""
        statements, age = self._vault.statements, {"user_id": user_id, "keep_s": self._keep_s}
        try:
            async with scoped(self._vault.pool, user_id) as connection:
                values = {**_values(user_id, device_id, client), "most": self._most}
                inserted = await connection.execute(statements["device_insert"], values)
                found = await connection.execute(statements["user_outlasts_devices"], age)
        except UnknownReference:
            raise NoSuchUser from None
        if await inserted.fetchone() is None:
            raise TooManyDevices(f"this account has {self._most} devices, which is the limit: revoke one first")
        return await found.fetchone() == (True,)

    def _update(self, user_id: UUID, device_id: UUID, client: ClientRecord) -> None:
        if len(self._stale) < _MAX_STALE or (user_id, device_id) in self._stale:
            self._stale[user_id, device_id] = client
            self._writer_wakes.set()

    async def _run_writer(self) -> None:
        while True:
            await self._writer_wakes.wait()
            self._writer_wakes = trio.Event()
            await self._write_all()

    async def _write_all(self) -> None:
        while self._stale:
            (user_id, device_id), client = self._stale.popitem()
            try:
                with trio.fail_after(_WRITE_S):
                    async with scoped(self._vault.pool, user_id) as connection:
                        values = _values(user_id, device_id, client)
                        await connection.execute(self._vault.statements["device_seen"], values)
            # A boundary: the next connection of the device writes the record again.
            except Exception as error:  # noqa: BLE001
                logger.warning("the record of a device was not updated: %s: %s", type(error).__name__, error)


def _values(user_id: UUID, device_id: UUID, client: ClientRecord) -> dict[str, object]:
    return {
        "user_id": user_id,
        "device_id": device_id,
        "client_name": client.name,
        "client_version": client.version,
        "client_platform": client.platform,
    }


def _text(value: str) -> str:
    # PostgreSQL's type text rejects NUL, which a device may send.
    return value.replace("\x00", "")
