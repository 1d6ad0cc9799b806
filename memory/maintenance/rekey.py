"""Rotation of a user's key: encrypts all rows of one user with a new key."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import numpy as np
import trio

from memory.crypto import Purpose, Unreadable, Vectors
from memory.delivery import change_purpose, request_purpose
from memory.keys import UserKey
from memory.segments import MAX_ENTRIES, Entry
from memory.tiers import (
    AssociativeMemory,
    Content,
    CoreMemory,
    Document,
    DocumentVectors,
    Manifest,
    ProactiveMemory,
    Tombstones,
    document_key,
    exchange_purpose,
    pattern_values,
    preference_columns,
    summary_purpose,
    title_purpose,
)
from memory.vault import Tier, Vault
from sql.driver import Connection
from sql.statements import StatementName

_PAGE: Final = 200
_NO_ID: Final = UUID(int=0)


@dataclass(slots=True)
class Rekeyed:
    """The fingerprints of both keys, and the numbers of rows that were re-encrypted and that could not be decrypted."""

    key_before: str
    key_after: str
    rows: int = 0
    unreadable: int = 0


class UserKeyRotation:
    """Replaces a user's key while servers run."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._associative = AssociativeMemory(vault, None)

    async def rotate(self, user_id: UUID) -> Rekeyed:
        """Re-encrypt a user's rows with a new key, and derive blind terms and vectors again, in one transaction.

        Vectors are rotated from the old key to the new one without the embedding model. Rows that can't be decrypted
        are left as they are. Raises like `memory.vault.Vault.key`.
        """
        async with self._vault.replacing_key(user_id) as replacement:
            connection, new = replacement.connection, replacement.new
            old = await self._vault.unwrap(user_id, (replacement.old,))
            done = Rekeyed(old.fingerprint, new.fingerprint)
            tiers = (
                self._core,
                self._episodes,
                self._titles,
                self._memories,
                self._patterns,
                self._answers,
                self._changes,
            )
            for tier in tiers:
                await tier(connection, user_id, old, new, done)
            tombstones = await Tombstones.read(connection, self._vault, user_id, old)
            await tombstones.reencrypt_key(new)
        return done

    async def _core(self, connection: Connection, user_id: UUID, old: UserKey, new: UserKey, done: Rekeyed) -> None:
        cursor = await connection.execute(self._vault.statements["core_all"], {"user_id": user_id})
        manifest = Manifest.empty(user_id, "core")
        for row in CoreMemory(self._vault).decrypted(old, await cursor.fetchall()):
            if row.name is None:
                done.unreadable += 1
                continue
            columns = preference_columns(new, manifest, row.column, row.name, row.value, row.history)
            values = {"user_id": user_id, "id": row.id, **columns}
            await connection.execute(self._vault.statements["core_reseal"], values)
            done.rows += 1
        await manifest.save_in(connection, self._vault, new)

    async def _episodes(self, connection: Connection, user_id: UUID, old: UserKey, new: UserKey, done: Rekeyed) -> None:
        async with aclosing(self._rows(connection, user_id, "episodes_page")) as rows:
            async for row in rows:
                id_, summary, exchange = row[0], row[3], row[4]
                reencrypted = self._reencrypted(
                    old, new, done, "episodic", (summary_purpose(id_), summary), (exchange_purpose(id_), exchange)
                )
                if reencrypted is not None:
                    values = {
                        "user_id": user_id,
                        "id": id_,
                        "summary_encrypted": reencrypted[0],
                        "exchange_encrypted": reencrypted[1],
                    }
                    await connection.execute(self._vault.statements["episode_rekey"], values)

    async def _titles(self, connection: Connection, user_id: UUID, old: UserKey, new: UserKey, done: Rekeyed) -> None:
        async with aclosing(self._rows(connection, user_id, "conversation_titles_page", "")) as rows:
            async for conversation_id, token, _ in rows:
                reencrypted = self._reencrypted(old, new, done, "episodic", (title_purpose(conversation_id), token))
                if reencrypted is not None:
                    values = {
                        "user_id": user_id,
                        "conversation_id": conversation_id,
                        "title_encrypted": reencrypted[0],
                    }
                    await connection.execute(self._vault.statements["conversation_title_rekey"], values)

    async def _memories(self, connection: Connection, user_id: UUID, old: UserKey, new: UserKey, done: Rekeyed) -> None:
        statements, segments = self._vault.statements, self._associative.segments
        state = await segments.state_in(connection, user_id)
        if state.kind == "sealed":
            await self._sealed_memories(connection, user_id, old, new, done)
            return
        if state.kind != "pgvector":
            # The segments in addition to the rows are made again in the background, from the new rows.
            await segments.discard_in(connection, user_id, state.segments)
        await connection.execute(statements["terms_erase"], {"user_id": user_id})
        async with aclosing(self._rows(connection, user_id, "associative_page")) as rows:
            async for row in rows:
                id_, token, embedding, model, old_key, entity_type, entity_id = row[:7]
                message, message_model = row[-2:]
                try:
                    content = self._associative.read(old.cipher, bytes(old_key), token)
                except Unreadable:
                    done.unreadable += 1
                    continue
                entity = (entity_type, entity_id) if entity_type is not None else None
                values = _document_values(new, content, entity) | {
                    "user_id": user_id,
                    "id": id_,
                    "embedding": _rotated(old, new, embedding),
                    "embedding_model": model,
                    "source_id": None,
                    "at": None,
                    "hits": 0,
                }
                await connection.execute(statements["associative_replace"], values)
                await connection.execute(statements["terms_insert"], values)
                if message is not None:
                    alone = {"message_embedding": _rotated(old, new, message), "embedding_model": message_model}
                    await connection.execute(statements["message_set"], values | alone)
                await connection.execute(statements["signature_set"], values)
                done.rows += 1

    async def _sealed_memories(
        self, connection: Connection, user_id: UUID, old: UserKey, new: UserKey, done: Rekeyed
    ) -> None:
        segments = self._associative.segments
        index = await segments.load_in(connection, old, (await segments.state_in(connection, user_id)).segments)
        await segments.erase_in(connection, user_id)
        known = await trio.to_thread.run_sync(index.entries)
        entries: list[Entry] = []
        lost: dict[bytes, DocumentVectors | None] = {}
        async with aclosing(self._rows(connection, user_id, "associative_page")) as rows:
            async for row in rows:
                id_, token, _, _, old_key, entity_type, entity_id = row[:7]
                try:
                    content = self._associative.read(old.cipher, bytes(old_key), token)
                except Unreadable:
                    done.unreadable += 1
                    continue
                entity = (entity_type, entity_id) if entity_type is not None else None
                document = Document(content.text, content.when, entity)
                values = _document_values(new, content, entity) | {"user_id": user_id, "id": id_}
                unchanged = {"embedding": None, "embedding_model": None, "source_id": None, "at": None, "hits": 0}
                await connection.execute(self._vault.statements["associative_replace"], values | unchanged)
                if id_ not in known:
                    lost[document_key(new, document)] = None
                else:
                    entries.append(known[id_].under(new.terms.document(content.text).counts, new.rotation))
                done.rows += 1
                if len(entries) == MAX_ENTRIES:
                    await segments.write_in(connection, new, entries)
                    entries.clear()
        await segments.write_in(connection, new, entries)
        # Memories of segments that could not be decrypted: found by their words until their vectors are made again.
        for digest in lost:
            values = {"user_id": user_id, "content_digest": digest}
            await connection.execute(self._vault.statements["unembedded_add"], values)
        await self._associative.seal_in(connection, new, lost)

    async def _patterns(self, connection: Connection, user_id: UUID, old: UserKey, new: UserKey, done: Rekeyed) -> None:
        proactive, manifest = ProactiveMemory(self._vault), Manifest.empty(user_id, "proactive")
        known = await proactive.manifest_in(connection, user_id, old)
        async with aclosing(self._rows(connection, user_id, "proactive_page")) as rows:
            async for id_, old_key, token, confidence, *_ in rows:
                try:
                    pattern = proactive.unsealed(old, known, old_key, token, recalled=confidence > 0)
                except Unreadable:
                    done.unreadable += 1
                    continue
                values = pattern_values(new, manifest, pattern, confidence) | {"user_id": user_id, "id": id_}
                await connection.execute(self._vault.statements["proactive_rekey"], values)
                done.rows += 1
        await manifest.save_in(connection, self._vault, new)

    async def _answers(self, connection: Connection, user_id: UUID, old: UserKey, new: UserKey, done: Rekeyed) -> None:
        async with aclosing(self._rows(connection, user_id, "requests_page")) as rows:
            async for request_id, token in rows:
                encrypted = _reencrypted(old, new, done, request_purpose(request_id), token)
                if encrypted is not None:
                    values = {"user_id": user_id, "request_id": request_id, "body_encrypted": encrypted}
                    await connection.execute(self._vault.statements["request_rekey"], values)

    async def _changes(self, connection: Connection, user_id: UUID, old: UserKey, new: UserKey, done: Rekeyed) -> None:
        after = 0
        while True:
            values = {"user_id": user_id, "after_number": after, "limit": _PAGE}
            cursor = await connection.execute(self._vault.statements["changes_after"], values)
            rows = await cursor.fetchall()
            for number, mutation_id, _, token in rows:
                encrypted = _reencrypted(old, new, done, change_purpose(mutation_id), token)
                if encrypted is not None:
                    values = {"user_id": user_id, "number": number, "body_encrypted": encrypted}
                    await connection.execute(self._vault.statements["change_rekey"], values)
                await trio.lowlevel.checkpoint()
            if len(rows) < _PAGE:
                return
            after = rows[-1][0]

    async def _rows(
        self, connection: Connection, user_id: UUID, page: StatementName, after: UUID | str = _NO_ID
    ) -> AsyncGenerator[tuple[Any, ...], None]:
        while True:
            values = {"user_id": user_id, "after": after, "limit": _PAGE}
            # Binary, because a vector in text format is parsed number by number.
            cursor = await connection.execute(self._vault.statements[page], values, binary=True)
            rows = await cursor.fetchall()
            for row in rows:
                yield row
                await trio.lowlevel.checkpoint()
            if len(rows) < _PAGE:
                return
            after = rows[-1][0]

    def _reencrypted(
        self, old: UserKey, new: UserKey, done: Rekeyed, tier: Tier, *tokens: tuple[Purpose, bytes | None]
    ) -> list[object] | None:
        try:
            reencrypted: list[object] = [
                None
                if token is None
                else new.cipher.seal(purpose_, self._vault.unseal(old.cipher, tier, purpose_, token))
                for purpose_, token in tokens
            ]
        except Unreadable:
            done.unreadable += 1
            return None
        done.rows += 1
        return reencrypted


def _reencrypted(old: UserKey, new: UserKey, done: Rekeyed, purpose: Purpose, token: bytes) -> bytes | None:
    try:
        value = old.cipher.unseal(purpose, token)
    except Unreadable:
        done.unreadable += 1
        return None
    done.rows += 1
    return new.cipher.seal(purpose, value)


def _rotated(old: UserKey, new: UserKey, embedding: Any) -> Vectors | None:
    """A vector of the database, from the rotation of the old key to that of the new one."""
    if embedding is None:
        return None
    return new.rotation.apply(old.rotation.undo(np.asarray(embedding.to_numpy(), np.float32)))


def _document_values(new: UserKey, content: Content, entity: tuple[str, str] | None) -> dict[str, object]:
    document = Document(content.text, content.when, entity)
    key = document_key(new, document)
    terms = new.terms.document(content.text)
    return {
        "content_digest": key,
        "content_encrypted": content.sealed_in(new.cipher, key),
        "length": terms.length,
        "terms": list(terms.counts),
        "tfs": list(terms.counts.values()),
    }
