"""Export of all of a user's memory, decrypted."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final
from uuid import UUID

from memory.crypto import Unreadable
from memory.keys import UserKey
from memory.tiers import (
    AssociativeMemory,
    ConversationTitles,
    CoreMemory,
    EpisodicMemory,
    Manifest,
    ProactiveMemory,
)
from memory.vault import Vault
from sql.driver import Connection, Cursor
from sql.statements import StatementName

_PAGE: Final = 100
_NO_ID: Final = UUID(int=0)


class Export:
    """Reads all tiers page by page. Holds no connection between two pages, so a slow consumer blocks nobody."""

    def __init__(self, vault: Vault, associative: AssociativeMemory) -> None:
        self._vault = vault
        self._associative = associative
        self._episodic = EpisodicMemory(vault)
        self._titles = ConversationTitles(vault)
        self._core = CoreMemory(vault)
        self._proactive = ProactiveMemory(vault)

    async def pages(self, user_id: UUID) -> AsyncGenerator[list[dict[str, Any]], None]:
        """Records as JSON data, each with its `tier`: core, episodic, conversation (titles), associative, proactive.

        A record that can't be decrypted has `unreadable` true. Changes made during the export may be missed. The user's
        key may be replaced during the export. Consume it in `contextlib.aclosing`. Raises like `Vault.key`.
        """
        key, rows = await self._read(user_id, "core_all", {"user_id": user_id})
        yield self._preferences(key, rows)
        tiers: tuple[tuple[StatementName, Callable[[UserKey, tuple[Any, ...]], dict[str, Any] | None]], ...] = (
            ("episodes_page", self._episode),
            ("conversation_titles_page", self._title),
            ("associative_page", self._memory),
        )
        for statement, read in tiers:
            after: UUID | str = "" if statement == "conversation_titles_page" else _NO_ID
            while True:
                values = {"user_id": user_id, "after": after, "limit": _PAGE}
                key, rows = await self._read(user_id, statement, values)
                records = [record for row in rows if (record := read(key, row)) is not None]
                if statement == "associative_page":
                    await self._add_sealed_models(user_id, records)
                yield records
                if len(rows) < _PAGE:
                    break
                after = rows[-1][0]
        async with aclosing(self._patterns(user_id)) as patterns:
            async for page in patterns:
                yield page

    async def _patterns(self, user_id: UUID) -> AsyncGenerator[list[dict[str, Any]], None]:
        after = _NO_ID
        while True:
            values = {"user_id": user_id, "after": after, "limit": _PAGE}
            key, rows = await self._read(user_id, "proactive_page", values)
            manifest = Manifest.of(self._vault, key, "proactive", rows)
            # Confidence 0: seen on too few days to be a pattern.
            yield [self._pattern(key, manifest, row) for row in rows if row[3] > 0]
            if len(rows) < _PAGE:
                return
            after = rows[-1][0]

    async def _read(
        self, user_id: UUID, statement: StatementName, values: Mapping[str, object]
    ) -> tuple[UserKey, list[tuple[Any, ...]]]:
        """Rows, and the key that decrypts them."""

        async def queue(connection: Connection, _: UserKey) -> Cursor:
            return await connection.execute(self._vault.statements[statement], values, binary=True)

        key, cursor = await self._vault.consistent(user_id, queue)
        return key, await cursor.fetchall()

    async def _add_sealed_models(self, user_id: UUID, records: Sequence[dict[str, Any]]) -> None:
        """Add the names of the embedding models that the sealed index has. PostgreSQL's columns have none then."""
        if all(record.get("embedding_model") is not None for record in records):
            return
        segments = self._associative.segments

        async def load(connection: Connection, key: UserKey) -> Mapping[UUID, str]:
            state = await segments.state_in(connection, user_id)
            if state.in_rows:
                return {}
            return (await segments.load_in(connection, key, state.segments)).models()

        _, models = await self._vault.consistent(user_id, load)
        for record in records:
            if "embedding_model" in record:
                record["embedding_model"] = record["embedding_model"] or models.get(UUID(record["id"]))

    def _preferences(self, key: UserKey, rows: Sequence[tuple[Any, ...]]) -> list[dict[str, Any]]:
        records = []
        for row, (*_, created_at, updated_at, _, _) in zip(self._core.decrypted(key, rows), rows, strict=True):
            record: dict[str, Any] = {"tier": "core", "id": str(row.id), "key": row.name or row.column}
            if row.name is None:
                records.append(record | {"unreadable": True})
                continue
            record |= {"value": row.value, "history": row.history}
            records.append(record | {"created_at": created_at.isoformat(), "updated_at": updated_at.isoformat()})
        return records

    def _episode(self, key: UserKey, row: tuple[Any, ...]) -> dict[str, Any] | None:
        id_, request_id, session_id, summary, exchange, created_at, enriched_at = row
        record: dict[str, Any] = {"tier": "episodic", "id": str(id_), "request_id": str(request_id)}
        try:
            said = self._episodic.read_exchange(key.cipher, id_, exchange)
            text, _ = self._episodic.read_summary(key.cipher, id_, summary)
        except Unreadable:
            return record | {"unreadable": True}
        return record | {
            "conversation_id": session_id,
            "session_id": session_id,
            "summary": text,
            "message": said.message,
            "response": said.response,
            "agent": said.agent,
            "complete": said.complete,
            "facts": list(said.facts),
            "created_at": created_at.isoformat(),
            "enriched": enriched_at is not None,
        }

    def _title(self, key: UserKey, row: tuple[Any, ...]) -> dict[str, Any] | None:
        conversation_id, token, source_id = row
        title = self._titles.read(key.cipher, conversation_id, token)
        record = {"tier": "conversation", "id": conversation_id}
        if title is None:
            return record | {"unreadable": True}
        return record | {"title": title, "source_id": str(source_id) if source_id is not None else None}

    def _memory(self, key: UserKey, row: tuple[Any, ...]) -> dict[str, Any] | None:
        (
            id_,
            token,
            _,
            model,
            content_digest,
            entity_type,
            entity_id,
            source,
            source_id,
            created_at,
            updated_at,
            hits,
            *_,
        ) = row
        record: dict[str, Any] = {"tier": "associative", "id": str(id_)}
        try:
            content = self._associative.read(key.cipher, bytes(content_digest), token)
        except Unreadable:
            return record | {"unreadable": True}
        return record | {
            "text": content.text,
            "person": content.message,
            "assistant": content.answer,
            "when": content.when.isoformat() if content.when is not None else None,
            "data": content.data,
            "entity_type": entity_type,
            "entity_id": entity_id,
            "source": source,
            "source_id": str(source_id) if source_id is not None else None,
            "embedding_model": model,
            "created_at": created_at.isoformat(),
            "updated_at": updated_at.isoformat(),
            "hits": hits,
        }

    def _pattern(self, key: UserKey, manifest: Manifest, row: tuple[Any, ...]) -> dict[str, Any]:
        id_, pattern_digest, token, confidence, source, created_at, updated_at, _ = row
        record: dict[str, Any] = {"tier": "proactive", "id": str(id_)}
        try:
            pattern = self._proactive.unsealed(key, manifest, pattern_digest, token)
        except Unreadable:
            return record | {"unreadable": True}
        return record | {
            "pattern": pattern["text"],
            "confidence": confidence,
            "source": source,
            "created_at": created_at.isoformat(),
            "updated_at": updated_at.isoformat(),
        }
