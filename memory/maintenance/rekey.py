"""New keys: all of one user's rows under a new user key, or all users' keys under the first master key."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import numpy as np
import trio

from memory.crypto import Unreadable, seal
from memory.keys import MissingKeyShare, UserKey, WrongMasterKey
from memory.tiers import (
    Content,
    Document,
    MemoryStore,
    exchange_purpose,
    history_purpose,
    identity,
    pattern_purpose,
    pattern_values,
    purpose,
    reseal_forgetting_key,
    summary_purpose,
    value_purpose,
)
from memory.vault import Tier, Vault
from sql.driver import Connection
from sql.statements import StatementName
from sql.tenant import listing, scoped

logger = logging.getLogger(__name__)

_PAGE: Final = 200
_NO_ID: Final = UUID(int=0)


@dataclass(slots=True)
class Rekeyed:
    """How many rows were sealed anew, and how many could not be opened and were left as they are."""

    key_before: str
    key_after: str
    rows: int = 0
    unreadable: int = 0


@dataclass(slots=True)
class Rewrapped:
    """How many users' keys are now under the first master key, were before, and do not open under any."""

    rewrapped: int = 0
    already: int = 0
    failed: int = 0


class Rekeying:
    """Replaces keys while servers run."""

    def __init__(self, vault: Vault, store: MemoryStore) -> None:
        self._vault = vault
        self._store = store

    async def rotate_user_key(self, user_id: UUID) -> Rekeyed:
        """Give a user a new key: contents sealed anew, blind terms and vectors derived anew, in one transaction.

        Vectors are turned from the old rotation to the new one, without the embedding model. Raises like
        `memory.vault.Vault.key`.
        """
        async with self._vault.replacing_key(user_id) as replacement:
            connection, new = replacement.connection, replacement.new
            old = await self._vault.opened(user_id, (replacement.old,))
            done = Rekeyed(old.fingerprint, new.fingerprint)
            for tier in (self._core, self._episodes, self._memories, self._patterns):
                await tier(connection, user_id, old, new, done)
            await reseal_forgetting_key(connection, self._vault, user_id, old, new)
        return done

    async def rotate_master_key(self, progress: Callable[[Rewrapped], Awaitable[None]] | None = None) -> Rewrapped:
        """Wrap every user's key by the first master key. Users whose key opens under none are counted and left.

        Each user is a transaction of their own: it can be stopped at any time and started again. `progress` is called
        after every page of users.
        """
        done = Rewrapped()
        after = _NO_ID
        while True:
            async with listing(self._vault.pool) as connection:
                cursor = await connection.execute(
                    self._vault.statements["user_ids_page"], {"after": after, "limit": _PAGE}
                )
            users = [user_id for (user_id,) in await cursor.fetchall()]
            for user_id in users:
                await self._rewrap(user_id, done)
            if progress is not None:
                await progress(done)
            if len(users) < _PAGE:
                return done
            after = users[-1]

    async def _rewrap(self, user_id: UUID, done: Rewrapped) -> None:
        values: dict[str, object] = {"user_id": user_id}
        async with scoped(self._vault.pool, user_id) as connection:
            cursor = await connection.execute(self._vault.statements["user_key_exclusive"], values)
            row = await cursor.fetchone()
            if row is None or row[0] is None:
                return  # removed meanwhile
            try:
                stored = await self._vault.keys.rewrap(user_id, bytes(row[0]))
            except (WrongMasterKey, MissingKeyShare) as error:
                logger.warning("the key of user %s is left as it is: %s", user_id, error)
                done.failed += 1
                return
            if stored is None:
                done.already += 1
                return
            values["encryption_key"] = stored
            await connection.execute(self._vault.statements["user_key_replace"], values)
            done.rewrapped += 1

    async def _core(self, connection: Connection, user_id: UUID, old: UserKey, new: UserKey, done: Rekeyed) -> None:
        cursor = await connection.execute(self._vault.statements["core_all"], {"user_id": user_id})
        for id_, key, value, history, *_ in await cursor.fetchall():
            tokens = (value_purpose(key), value), (history_purpose(key), history)
            resealed = self._resealed(old, new, done, "core", *tokens)
            if resealed is not None:
                values = dict(zip(("value_encrypted", "history_encrypted"), resealed, strict=True))
                values |= {"user_id": user_id, "id": id_}
                await connection.execute(self._vault.statements["core_rekey"], values)

    async def _episodes(self, connection: Connection, user_id: UUID, old: UserKey, new: UserKey, done: Rekeyed) -> None:
        async with aclosing(self._rows(connection, user_id, "episodes_page")) as rows:
            async for row in rows:
                id_, summary, exchange = row[0], row[3], row[4]
                resealed = self._resealed(
                    old, new, done, "episodic", (summary_purpose(id_), summary), (exchange_purpose(id_), exchange)
                )
                if resealed is not None:
                    values = {
                        "user_id": user_id,
                        "id": id_,
                        "summary_encrypted": resealed[0],
                        "exchange_encrypted": resealed[1],
                    }
                    await connection.execute(self._vault.statements["episode_rekey"], values)

    async def _memories(self, connection: Connection, user_id: UUID, old: UserKey, new: UserKey, done: Rekeyed) -> None:
        statements = self._vault.statements
        await connection.execute(statements["terms_erase"], {"user_id": user_id})
        async with aclosing(self._rows(connection, user_id, "associative_page")) as rows:
            async for row in rows:
                id_, token, embedding, model, old_digest, entity_type, entity_id = row[:7]
                try:
                    content = self._store.read(old.fernet, bytes(old_digest), token)
                except Unreadable:
                    done.unreadable += 1
                    continue
                vector = None
                if embedding is not None:
                    vector = new.rotation.apply(old.rotation.undo(np.asarray(embedding.to_numpy(), np.float32)))
                entity = (entity_type, entity_id) if entity_type is not None else None
                values = _memory_values(new, content, entity) | {
                    "user_id": user_id,
                    "id": id_,
                    "embedding": vector,
                    "embedding_model": model,
                    "source_id": None,
                    "at": None,
                    "hits": 0,
                }
                await connection.execute(statements["associative_rewrite"], values)
                await connection.execute(statements["terms_insert"], values)
                done.rows += 1

    async def _patterns(self, connection: Connection, user_id: UUID, old: UserKey, new: UserKey, done: Rekeyed) -> None:
        async with aclosing(self._rows(connection, user_id, "proactive_page")) as rows:
            async for row in rows:
                id_, old_digest, token = row[:3]
                try:
                    pattern = self._vault.unseal(old.fernet, "proactive", pattern_purpose(bytes(old_digest)), token)
                except Unreadable:
                    done.unreadable += 1
                    continue
                values = pattern_values(new, pattern) | {"user_id": user_id, "id": id_}
                await connection.execute(self._vault.statements["proactive_rekey"], values)
                done.rows += 1

    async def _rows(
        self, connection: Connection, user_id: UUID, page: StatementName
    ) -> AsyncGenerator[tuple[Any, ...], None]:
        after = _NO_ID
        while True:
            values = {"user_id": user_id, "after": after, "limit": _PAGE}
            # Binary, for a vector of text is parsed number by number.
            cursor = await connection.execute(self._vault.statements[page], values, binary=True)
            rows = await cursor.fetchall()
            for row in rows:
                yield row
                await trio.lowlevel.checkpoint()
            if len(rows) < _PAGE:
                return
            after = rows[-1][0]

    def _resealed(
        self, old: UserKey, new: UserKey, done: Rekeyed, tier: Tier, *tokens: tuple[str, bytes | None]
    ) -> list[object] | None:
        try:
            resealed: list[object] = [
                None
                if token is None
                else seal(new.fernet, purpose_, self._vault.unseal(old.fernet, tier, purpose_, token))
                for purpose_, token in tokens
            ]
        except Unreadable:
            done.unreadable += 1
            return None
        done.rows += 1
        return resealed


def _memory_values(new: UserKey, content: Content, entity: tuple[str, str] | None) -> dict[str, object]:
    document = Document(content.text, content.when, entity)
    content_digest = identity(new, document)
    terms = new.terms.document(content.text, content.when)
    sealed = {
        "text": content.text,
        "when": content.when.isoformat() if content.when is not None else None,
        "data": content.data,
    }
    return {
        "content_digest": content_digest,
        "content_encrypted": seal(new.fernet, purpose(content_digest), sealed),
        "length": terms.length,
        "terms": list(terms.counts),
        "tfs": list(terms.counts.values()),
    }
