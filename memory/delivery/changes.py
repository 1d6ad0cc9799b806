"""The log of changes of a user's entities: numbered without gaps, so that a device learns which ones it missed.

Changes are added in the transaction that applies them to memory. The log is bounded in age and in number.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from uuid import UUID

import trio

from memory.crypto import Purpose, Unreadable
from memory.keys import UserKey
from memory.vault import Vault
from sql.driver import Connection, Cursor
from sql.tenant import scoped

_MAX_MISSED: Final = 1000
"""A device that missed more changes reads its data again instead."""


def change_purpose(mutation_id: UUID) -> Purpose:
    """The purpose that binds an encrypted change to its row."""
    return Purpose("changes", "body_encrypted", str(mutation_id), f"change:{mutation_id}")


@dataclass(frozen=True, slots=True)
class Change:
    """One change for the log. `body` is JSON data. `device_id` is the device that has the change already."""

    mutation_id: UUID
    device_id: UUID | None
    body: Any


@dataclass(frozen=True, slots=True)
class LoggedChange:
    """The number of a change in the log. `is_new` is False if the log had its `mutation_id` already.

    `id_reused`: the log has another change, or a change of another device, under this `mutation_id`. The change was not
    added.
    """

    number: int
    is_new: bool
    id_reused: bool = False


@dataclass(frozen=True, slots=True)
class NumberedChange:
    """A change that was read from the log."""

    number: int
    device_id: UUID | None
    body: Any


@dataclass(frozen=True, slots=True)
class MissedChanges:
    """What a device missed. With `lost` the log no longer has all of it, and `changes` is empty."""

    last: int
    missed: Literal["none", "sent", "lost"]
    changes: Sequence[NumberedChange] = ()


class ChangeLog:
    """The logs of all users. At most `keep` changes of a user are kept, each for at most `keep_s` seconds."""

    def __init__(self, vault: Vault, *, keep: int = 10_000, keep_s: float = 30 * 86_400.0) -> None:
        self._vault = vault
        self._keep = keep
        self._keep_s = keep_s

    async def append_in(
        self, connection: Connection, user_id: UUID, key: UserKey, changes: Sequence[Change]
    ) -> list[LoggedChange]:
        """Add `changes` in their order, in the transaction of `connection`. It must hold a lock on the user's key."""
        statements = self._vault.statements
        await connection.execute(statements["change_log_lock"], {"user_id": user_id})
        cursors = []
        for change in changes:
            values = {
                "user_id": user_id,
                "mutation_id": change.mutation_id,
                "device_id": change.device_id,
                "body_encrypted": key.cipher.seal(change_purpose(change.mutation_id), change.body),
                "ttl_s": self._keep_s,
            }
            cursors.append(await connection.execute(statements["change_append"], values))
            await trio.lowlevel.checkpoint()  # each may have a megabyte
        await connection.execute(statements["changes_trim"], {"user_id": user_id, "keep": self._keep})
        rows = [await cursor.fetchone() for cursor in cursors]
        return [_placed(key, change, *row) for change, row in zip(changes, rows, strict=True) if row is not None]

    async def append(self, user_id: UUID, changes: Sequence[Change]) -> list[LoggedChange]:
        """Commit `changes` in their order. Raises like `Vault.key`, and the database's errors."""
        async with self._vault.adding(user_id) as (connection, key):
            return await self.append_in(connection, user_id, key, changes)

    async def missed(self, user_id: UUID, after: int) -> MissedChanges:
        """The changes after the number `after`, all or none of them. Raises like `Vault.key`."""

        async def queue(connection: Connection, _: UserKey) -> tuple[Cursor, Cursor]:
            last = await connection.execute(self._vault.statements["changes_last"], {"user_id": user_id})
            values = {"user_id": user_id, "after_number": after, "limit": _MAX_MISSED + 1}
            return last, await connection.execute(self._vault.statements["changes_after"], values)

        key, (last_cursor, cursor) = await self._vault.consistent(user_id, queue)
        row = await last_cursor.fetchone()
        last = 0 if row is None else int(row[0])
        rows = await cursor.fetchall()
        if after == last:
            return MissedChanges(last, "none")
        # A number beyond the last one comes from another database. Numbers that are not all there were removed.
        if after > last or len(rows) > _MAX_MISSED or [row[0] for row in rows] != list(range(after + 1, last + 1)):
            return MissedChanges(last, "lost")
        try:
            changes = [
                NumberedChange(number, device_id, key.cipher.unseal(change_purpose(mutation_id), token))
                for number, mutation_id, device_id, token in rows
            ]
        except Unreadable:
            return MissedChanges(last, "lost")
        return MissedChanges(last, "sent", changes)

    async def of_request(self, user_id: UUID, request_id: UUID) -> list[NumberedChange]:
        """The changes that a request has made, in order, if its row in `requests` is kept. Raises like `Vault.key`.

        Reads at most 1,000 changes of the user since the request was admitted. Changes that can't be decrypted are left
        out.
        """

        async def queue(connection: Connection, _: UserKey) -> Cursor:
            values = {"user_id": user_id, "request_id": request_id, "limit": _MAX_MISSED}
            return await connection.execute(self._vault.statements["changes_since_request"], values)

        key, cursor = await self._vault.consistent(user_id, queue)
        found = []
        for number, mutation_id, device_id, token in await cursor.fetchall():
            await trio.lowlevel.checkpoint()  # each may have a megabyte
            try:
                body = key.cipher.unseal(change_purpose(mutation_id), token)
            except Unreadable:
                continue
            if body.get("request_id") == str(request_id):
                found.append(NumberedChange(number, device_id, body))
        return found

    async def seen(self, user_id: UUID, device_id: UUID, number: int) -> None:
        """Record that the device has applied every change up to `number`. A lower number than before does nothing."""
        values = {"user_id": user_id, "device_id": device_id, "number": number}
        async with scoped(self._vault.pool, user_id) as connection:
            await connection.execute(self._vault.statements["change_cursor_set"], values)


def _placed(
    key: UserKey, change: Change, number: int, is_new: bool, device_id: UUID | None, token: bytes | None
) -> LoggedChange:
    """Compare a change with the one of the same id that the log has: `device_id`, and its encrypted body `token`."""
    if is_new or token is None:
        return LoggedChange(number, is_new)
    try:
        body = key.cipher.unseal(change_purpose(change.mutation_id), token)
    except Unreadable:
        return LoggedChange(number, is_new)
    same = device_id == change.device_id and body == json.loads(json.dumps(change.body))
    return LoggedChange(number, is_new, id_reused=not same)
