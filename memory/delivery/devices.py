"""The devices of a user: their records, and what is kept for a device that connects."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import trio

from memory.delivery.answers import KeptRequest
from memory.vault import NoSuchUser, Vault
from sql.driver import UnknownReference
from sql.tenant import scoped

logger = logging.getLogger(__name__)

_SEEN_S: Final = 86_400.0
"""`last_seen_at` of a device that connects again is written at most once in this time."""

_MAX_REQUESTS: Final = 200
_MAX_WAITING: Final = 10_000
_WRITE_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class ClientRecord:
    """The client of a device, as it describes itself."""

    name: str
    version: str
    platform: str


@dataclass(frozen=True, slots=True)
class DeviceRecord:
    """What is kept for a device. `last_change` is the number of the user's last change, 0 if there is none.

    `change_cursor` is the number of the last change that the device has applied; None if it has never said so.
    `requests` are its known requests, the oldest first, without `digest` and `result`.
    """

    is_new: bool
    last_change: int = 0
    change_cursor: int | None = None
    requests: Sequence[KeptRequest] = ()


class DeviceRecords:
    """The records of all devices. `run` it, so that the records of known devices are kept up to date."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        # Updates that `run` has not written yet. A lost one is repeated when the device connects again.
        self._stale: dict[tuple[UUID, UUID], dict[str, object]] = {}
        self._wake = trio.Event()

    def __repr__(self) -> str:
        return f"<DeviceRecords, {len(self._stale)} not written>"

    async def connect(self, user_id: UUID, device_id: UUID, client: ClientRecord) -> DeviceRecord:
        """Record that a device connects, and read what is kept for it. Takes one statement in one round trip.

        A new device is committed when this returns. `run` updates the record of a known one later, if the client has
        changed or the device was not seen for a day. Raises `NoSuchUser` and the database's errors.
        """
        values = {
            "user_id": user_id,
            "device_id": device_id,
            "client_name": _text(client.name),
            "client_version": _text(client.version),
            "client_platform": _text(client.platform),
            "seen_s": _SEEN_S,
            "limit": _MAX_REQUESTS,
        }
        try:
            async with scoped(self._vault.pool, user_id) as connection:
                cursor = await connection.execute(self._vault.statements["device_connect"], values)
        except UnknownReference:
            raise NoSuchUser from None
        rows = await cursor.fetchall()
        is_new, is_stale, last_change, change_cursor = rows[0][:4]
        if is_stale:
            self._update(user_id, device_id, values)
        requests = [KeptRequest(*row[4:]) for row in rows if row[4] is not None]
        return DeviceRecord(is_new, last_change, change_cursor, requests)

    async def run(self) -> None:
        """Write the records that are not up to date, one after another, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake = trio.Event()
            await self._write_all()

    async def drain(self, within_s: float) -> None:
        """Write what is not written yet, for at most `within_s` seconds. Call it when no device can connect."""
        with trio.move_on_after(within_s):
            await self._write_all()

    def _update(self, user_id: UUID, device_id: UUID, values: dict[str, object]) -> None:
        if len(self._stale) < _MAX_WAITING or (user_id, device_id) in self._stale:
            self._stale[user_id, device_id] = values
            self._wake.set()

    async def _write_all(self) -> None:
        while self._stale:
            place = next(iter(self._stale))
            values = self._stale.pop(place)
            try:
                with trio.fail_after(_WRITE_S):
                    async with scoped(self._vault.pool, place[0]) as connection:
                        await connection.execute(self._vault.statements["device_seen"], values)
            # A boundary: the next connection of the device writes the record again.
            except Exception as error:  # noqa: BLE001
                logger.warning("the record of a device was not updated: %s: %s", type(error).__name__, error)


def _text(value: str) -> str:
    # PostgreSQL's type text rejects NUL, which a device may send.
    return value.replace("\x00", "")
