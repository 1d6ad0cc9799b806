"""Kept requests: a row from a request's admission until its result is no longer kept, encrypted with the user's key.

The row is the idempotency key of the request over all servers. Each admission has a random `claim`: only its owner can
change the row, so a server that was frozen can't overwrite what others concluded meanwhile.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from memory.crypto import Purpose, Unreadable
from memory.keys import MissingKeyShare, UserKey, WrongMasterKey
from memory.vault import NoUserKey, Vault
from sql.driver import Connection, Cursor
from sql.statements import StatementName
from sql.tenant import scoped

RequestState = Literal["running", "completed", "failed", "cancelled"]

MAX_RESULT_BYTES: Final = 32 << 20
"""Results whose encrypted form is larger are kept without their blocks.

The largest answer that `TESSERA_ANSWER_LOG_BYTES` allows by default is 4 MiB. Escapes in JSON take up to six times its
size.
"""


def request_purpose(request_id: UUID) -> Purpose:
    """The purpose that binds an encrypted body to its request."""
    row = str(request_id)
    return Purpose("requests", "body_encrypted", row, f"request:{row}")


@dataclass(frozen=True, slots=True)
class KeptRequest:
    """A request that is known. `digest` identifies the question; `result` is JSON data.

    `digest` is None if the user's key was not available at the admission, or memory was erased since. `result` is also
    None while the request runs, and if its server was lost. A result that was `too_large` has no blocks. `version`
    differs for each stored result.
    """

    request_id: UUID
    claim: UUID
    server_id: UUID
    device_id: UUID | None
    state: RequestState
    changed: bool
    digest: str | None = None
    result: Mapping[str, Any] | None = None
    too_large: bool = False
    version: bytes = b""


@dataclass(frozen=True, slots=True)
class RequestTimes:
    """A request in a list, without its contents. `ended_at` is None while it runs."""

    request: KeptRequest
    created_at: datetime
    ended_at: datetime | None


class KeptAnswers:
    """The kept requests of all users. Methods raise the database's errors, and `NoSuchUser`."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def claim(
        self, user_id: UUID, request_id: UUID, claim: UUID, server_id: UUID, device_id: UUID | None, digest: str,
        ttl_s: float,
    ) -> Mapping[UUID, int] | None:  # fmt: skip
        """Admit a request under an id that is free; returns None if it is in use.

        Otherwise returns how many requests of the user run at each other server.

        A call that failed may be repeated with the same `claim`. The id stays used for `ttl_s` seconds if nobody ends
        the request. Takes one round trip if the user's key is cached.
        """
        values = {
            "user_id": user_id,
            "request_id": request_id,
            "claim": claim,
            "server_id": server_id,
            "device_id": device_id,
            "ttl_s": ttl_s,
        }

        def body(key: UserKey) -> bytes:
            return key.cipher.seal(request_purpose(request_id), {"digest": digest})

        elsewhere: list[Cursor] = []

        async def count(connection: Connection) -> None:
            # In the same round trip.
            elsewhere.append(await connection.execute(self._vault.statements["requests_running_elsewhere"], values))

        if await self._write("request_claim", values, body, count) is None:
            return None
        return {server: int(running) for server, running in await elsewhere[-1].fetchall()}

    async def release(self, user_id: UUID, request_id: UUID, claim: UUID) -> None:
        """Give back an id that `claim` took into use: nothing ran under it."""
        await self._execute("request_release", {"user_id": user_id, "request_id": request_id, "claim": claim})

    async def changing(self, user_id: UUID, request_id: UUID, claim: UUID) -> bool:
        """Record that the request may change data from now on.

        Returns False if it no longer counts as running, because its server was treated as gone.
        """
        values = {"user_id": user_id, "request_id": request_id, "claim": claim}
        return await self._execute("request_changed", values) is not None

    async def end(
        self, user_id: UUID, request_id: UUID, claim: UUID, state: RequestState, *, changed: bool, digest: str,
        result: Mapping[str, Any], ttl_s: float,
    ) -> Literal["kept", "too_large", "gone"]:  # fmt: skip
        """Record the end of a request, and keep its result for `ttl_s` seconds.

        `too_large`: the request counts as failed, and the result is kept without its blocks. `gone`: the request no
        longer counts as running, because its server was treated as gone or the account was removed. The result is not
        kept either if memory was erased while the request ran.
        """
        values = {
            "user_id": user_id,
            "request_id": request_id,
            "claim": claim,
            "state": state,
            "changed": changed,
            "ttl_s": ttl_s,
        }
        return await self._keep("request_end", values, digest, result)

    async def amend(self, user_id: UUID, kept: KeptRequest, result: Mapping[str, Any], ttl_s: float) -> bool:
        """Replace the result of a request that has ended. Returns False if it is not `kept` any more: read it again.

        Then another server has replaced it, the user's key was rotated, or memory was erased.
        """
        values = {
            "user_id": user_id,
            "request_id": kept.request_id,
            "claim": kept.claim,
            "state": kept.state,
            "body_digest": kept.version,
            "ttl_s": ttl_s,
        }
        return await self._keep("request_amend", values, kept.digest or "", result) != "gone"

    async def _keep(
        self, statement: StatementName, values: dict[str, Any], digest: str, result: Mapping[str, Any]
    ) -> Literal["kept", "too_large", "gone"]:
        purpose, too_large = request_purpose(values["request_id"]), False

        def body(key: UserKey) -> bytes:
            nonlocal too_large
            sealed = key.cipher.seal(purpose, {"digest": digest, "result": result})
            too_large = len(sealed) > MAX_RESULT_BYTES
            if too_large:
                values["state"] = "failed"  # not "completed" without its blocks
                rest = {**result, "blocks": []}
                return key.cipher.seal(purpose, {"digest": digest, "result": rest, "too_large": True})
            return sealed

        if await self._write(statement, values, body) is None:
            return "gone"
        return "too_large" if too_large else "kept"

    async def lost(self, user_id: UUID, request: KeptRequest, ttl_s: float) -> bool:
        """Record that a running request has failed, because its server is gone. Returns False if it ended meanwhile."""
        values = {"user_id": user_id, "request_id": request.request_id, "claim": request.claim, "ttl_s": ttl_s}
        return await self._execute("request_lost", values) is not None

    async def read(self, user_id: UUID, request_id: UUID) -> KeptRequest | None:
        """A request that is known, or None. A body that can't be decrypted is treated as not kept."""

        async def queue(connection: Connection, _: UserKey | None) -> Cursor:
            values = {"user_id": user_id, "request_id": request_id}
            return await connection.execute(self._vault.statements["request_read"], values)

        try:
            key, cursor = await self._vault.consistent(user_id, queue)
        except (WrongMasterKey, MissingKeyShare):
            async with scoped(self._vault.pool, user_id, snapshot=True) as connection:
                cursor = await queue(connection, None)
            row = await cursor.fetchone()
            return None if row is None else KeptRequest(*row[:6])
        row = await cursor.fetchone()
        if row is None:
            return None
        body: Mapping[str, Any] = {}
        if row[6] is not None:
            try:
                body = key.cipher.unseal(request_purpose(request_id), row[6])
            except Unreadable:
                body = {}
        return replace(
            KeptRequest(*row[:6]),
            digest=body.get("digest"),
            result=body.get("result"),
            too_large=bool(body.get("too_large")),
            version=b"" if row[6] is None else hashlib.sha256(row[6]).digest(),
        )

    async def page(self, user_id: UUID, limit: int, before: tuple[datetime, UUID] | None) -> list[RequestTimes]:
        """At most `limit` requests of the user, the newest first, after the place `before`: a time and an id.

        Nothing is decrypted. Requests whose contents were erased are left out, as `read` treats them as not kept.
        """
        at, request_id = before or (None, None)
        values = {"user_id": user_id, "limit": limit, "before_at": at, "before_id": request_id}
        async with scoped(self._vault.pool, user_id) as connection:
            cursor = await connection.execute(self._vault.statements["requests_of_user"], values)
            return [RequestTimes(KeptRequest(*row[:6]), *row[6:]) for row in await cursor.fetchall()]

    async def erased(self, user_id: UUID, request_ids: Collection[UUID]) -> set[UUID]:
        """Which of these ended requests have no contents any more, because memory was erased."""
        values = {"user_id": user_id, "request_ids": list(request_ids)}
        async with scoped(self._vault.pool, user_id) as connection:
            cursor = await connection.execute(self._vault.statements["requests_erased"], values)
            return {row[0] for row in await cursor.fetchall()}

    async def _execute(self, statement: StatementName, values: Mapping[str, object]) -> tuple[Any, ...] | None:
        async with scoped(self._vault.pool, values["user_id"]) as connection:  # type: ignore[arg-type]
            cursor = await connection.execute(self._vault.statements[statement], values)
        return await cursor.fetchone() if cursor.description else None

    async def _write(
        self,
        statement: StatementName,
        values: Mapping[str, object],
        body: Callable[[UserKey], bytes],
        then: Callable[[Connection], Awaitable[None]] | None = None,
    ) -> tuple[Any, ...] | None:
        """Execute an idempotent statement with `body_encrypted`, and return its row. `then` queues another statement.

        The body is encrypted with the cached key, and once more if that is not the current key. Without a usable key it
        is NULL.
        """
        vault, user_id = self._vault, values["user_id"]
        assert isinstance(user_id, UUID)  # noqa: S101

        async def queue(connection: Connection, key: UserKey | None) -> Cursor:
            encrypted = None if key is None else body(key)  # first: it may change the other values
            parameters = {**values, "body_encrypted": encrypted}
            cursor = await connection.execute(vault.statements[statement], parameters)
            if then is not None:
                await then(connection)
            return cursor

        cursor = await vault.add_at_once(user_id, queue)
        if cursor is None:
            async with scoped(vault.pool, user_id) as connection:
                locked = await connection.execute(vault.statements["user_key_shared"], {"user_id": user_id})
                try:
                    key = await vault.unwrap(user_id, await locked.fetchone())
                except (NoUserKey, WrongMasterKey, MissingKeyShare):
                    key = None
                cursor = await queue(connection, key)
        return await cursor.fetchone()
