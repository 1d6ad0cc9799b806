"""Forgets items exactly: the item, what was derived from it, and repetitions of the person's own statement.

It decides first (`_Decision`), then acts. A preview only decides. An exchange whose message states something that the
forgotten ones do not is never removed; see `memory.text.Said`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import trio

from memory.crypto import Unreadable
from memory.keys import UserKey
from memory.rights.forgotten import Forgotten
from memory.rights.repetitions import Judged, judge, states, without_subject, without_values
from memory.rights.subject import SubjectWords
from memory.text import Analyser, Said, Statement
from memory.tiers import (
    AssociativeMemory,
    ConversationTitles,
    CoreForgetting,
    CoreMemory,
    EpisodicMemory,
    Exchange,
    PatternForgetting,
    ProactiveMemory,
    Tombstones,
    normalised,
)
from memory.vault import Tier, Vault
from sql.driver import Connection, Cursor
from sql.statements import StatementName

_PAGE: Final = 200
_NO_ID: Final = UUID(int=0)


@dataclass(slots=True)
class _Group:
    """What is forgotten together."""

    items: frozenset[UUID]
    """The ids that the caller named."""
    episodes: set[UUID] = field(default_factory=set)
    said: list[Said] = field(default_factory=list)
    """What the forgotten exchanges and documents say."""
    texts: set[str] = field(default_factory=set)
    """The texts of forgotten memories, `normalised`."""
    redacted: dict[UUID, Exchange] = field(default_factory=dict)
    """Episodes that stay without the sentences about a forgotten preference."""
    scrubbed: dict[UUID, Exchange] = field(default_factory=dict)
    """Episodes that stay without forgotten texts that were recalled for their answers."""
    mentioned: list[UUID] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Decision:
    """What the removal of a group changes in each tier."""

    group: _Group
    episodes: Sequence[UUID]
    requests: Sequence[UUID]
    """The requests of the episodes that are removed or redacted."""
    memories: Sequence[UUID]
    entities: Sequence[tuple[str, str]]
    learned_again: Sequence[UUID]
    """Episodes that stay and from which a removed memory was learned too."""
    core: CoreForgetting
    patterns: PatternForgetting

    def result(self) -> Forgotten:
        removed: dict[Tier, Sequence[UUID]] = {
            "associative": self.memories,
            "episodic": self.episodes,
            "core": [row.id for row in self.core.removed],
            "proactive": self.patterns.removed,
        }
        return Forgotten(
            {tier: ids for tier, ids in removed.items() if ids},
            self.core.restored,
            sorted(self.group.redacted),
            self.group.mentioned,
        )


class Forget:
    """Removes items and whole conversations."""

    def __init__(self, vault: Vault, associative: AssociativeMemory) -> None:
        self._vault = vault
        self._associative = associative
        self._core = CoreMemory(vault)
        self._episodic = EpisodicMemory(vault)
        self._proactive = ProactiveMemory(vault)
        self._titles = ConversationTitles(vault)

    async def preview(self, user_id: UUID, items: Collection[UUID]) -> Forgotten:
        """What `forget` would remove now. Raises like `Vault.key`, and the database's errors."""
        group = await self._group(user_id, items)

        async def decide(connection: Connection, user_key: UserKey) -> _Decision:
            return await self._decide(connection, user_id, user_key, group)

        _, decision = await self._vault.consistent(user_id, decide)
        return decision.result()

    async def forget(self, user_id: UUID, items: Collection[UUID]) -> Forgotten:
        """Remove the items with these ids from whichever tiers they are in.

        Removed too: the episodes in which a memory or a preference was stated, what was learned from an episode, and
        exchanges in which the person says the same again and nothing else. If the newest value of a preference goes
        with an episode, the value before it counts again. Patterns lose these episodes.

        Tombstones stay, so that work in progress does not restore a forgotten item. If the person says it again later,
        it is learned again. A forgotten pattern is never found again.

        Raises like `Vault.key`, and the database's errors.
        """
        # Read everything before locking the key: reading many episodes takes long, and storing answers needs the lock.
        return await self._remove(user_id, await self._group(user_id, items))

    async def _remove(self, user_id: UUID, group: _Group) -> Forgotten:
        async with self._vault.writing(user_id) as (connection, user_key):
            decision = await self._decide(connection, user_id, user_key, group)
            result = decision.result()
            if not result:
                return result
            unreadable_by = await self._act(connection, user_id, user_key, decision)
        return replace(result, unreadable_by=unreadable_by)

    async def forget_about(self, user_id: UUID, subject: str, *, everything: bool = False) -> Forgotten | int:
        """Forget what the person stated about `subject`, and preferences with its words.

        An exchange that states something else too loses only these sentences. If there are several different
        statements, nothing is removed and their number is returned, unless `everything` is wanted. Raises like
        `forget`.
        """
        key, rows = await self._rows(user_id, "core_all")
        words = SubjectWords(subject)
        core = {
            id_: (name, value) for id_, name, value in self._core.read(key, rows) if words.in_preference(name, value)
        }
        found: dict[UUID, tuple[Exchange, list[Statement]]] = {}

        def look(page: Sequence[tuple[UUID, Exchange]]) -> None:
            found.update({id_: (one, stated) for id_, one in page if (stated := states(subject, one))})

        async with aclosing(self._pages(user_id)) as pages:
            async for page in pages:
                await trio.to_thread.run_sync(look, page)
        stated = {statement for _, statements in found.values() for statement in statements}
        unstated = [
            id_ for id_, (_, value) in core.items() if not any(Analyser().terms(str(value)) <= one for one in stated)
        ]
        if len(stated) + len(unstated) > 1 and not everything:
            return len(stated) + len(unstated)
        group = await self._group(user_id, list(core))
        for id_, (exchange, statements) in found.items():
            left = without_subject(exchange, subject)
            if left is None or left is exchange:
                group.episodes.add(id_)
            else:
                group.redacted[id_] = left
            group.said += [Said((statement,), (statement,), "") for statement in statements]
        if found:
            await self._add_repetitions(user_id, group)
        return await self._remove(user_id, group)

    async def forget_conversation(self, user_id: UUID, conversation_id: str) -> Forgotten:
        """Remove every exchange of a conversation as `forget` does, and its title.

        An exchange of another conversation is removed only if its message repeats a statement and states nothing else.

        Removes nothing if the conversation has no exchange. A request of the conversation that is still running is not
        stored when it ends, its first one included. Raises like `forget`.
        """
        values = {"user_id": user_id, "conversation_id": conversation_id}
        while True:
            _, rows = await self._rows(user_id, "conversation_episodes", conversation_id=conversation_id)
            if not rows:
                async with self._vault.writing(user_id) as (connection, _):
                    cursor = await connection.execute(self._vault.statements["conversation_episodes"], values)
                    if await cursor.fetchall():
                        continue  # its first exchange was stored since
                    await self._titles.forget_conversation_in(connection, user_id, conversation_id)
                return Forgotten()
            group = await self._group(user_id, [row[0] for row in rows], in_own_words=True)
            async with self._vault.writing(user_id) as (connection, user_key):
                cursor = await connection.execute(self._vault.statements["conversation_episodes"], values)
                if not {row[0] for row in await cursor.fetchall()} <= group.items:
                    continue  # an exchange was stored since: decide again
                decision = await self._decide(connection, user_id, user_key, group)
                unreadable_by = await self._act(connection, user_id, user_key, decision)
                await self._titles.forget_conversation_in(connection, user_id, conversation_id)
            return replace(decision.result(), unreadable_by=unreadable_by)

    async def _group(self, user_id: UUID, items: Collection[UUID], *, in_own_words: bool = False) -> _Group:
        group = _Group(frozenset(items))
        _, of_items = await self._rows(user_id, "episodes_present", ids=list(items))
        group.episodes |= {row[0] for row in of_items}
        await self._add_memories(user_id, group)
        key, core = await self._rows(user_id, "core_all")
        stated = self._core.sources(key, core, group.items)
        for id_, exchange in await self._exchanges(user_id, stated.keys() - group.episodes):
            left = without_values(exchange, stated[id_])
            if left is None:
                group.episodes.add(id_)
            elif left is not exchange:
                group.redacted[id_] = replace(left, facts=())  # the facts may name the value
            else:
                group.mentioned.append(id_)
        for _, exchange in await self._exchanges(user_id, group.episodes):
            group.said.append(Said.of(exchange.message, exchange.response))
        if group.said or group.texts:
            await self._add_repetitions(user_id, group, in_own_words=in_own_words)
        return group

    async def _add_memories(self, user_id: UUID, group: _Group) -> None:
        """Add the sources of the memories among the items, and the texts of all memories of the group."""
        key, rows = await self._rows(user_id, "associative_of_items", ids=list(group.items))
        for id_, source, _, sources, document_key, token, *_ in rows:
            with suppress(Unreadable):
                text = self._associative.read(key.cipher, document_key, token).text
                group.texts.add(normalised(text))
                if id_ in group.items and source == "document":
                    group.said.append(Said.of(text, ""))
            if id_ in group.items:
                group.episodes |= set(sources)

    async def _add_repetitions(self, user_id: UUID, group: _Group, *, in_own_words: bool = False) -> None:
        """Compare all exchanges with those of the group, in a worker thread."""
        roots, texts = list(group.said), set(group.texts)

        def judge_all(exchanges: Sequence[tuple[UUID, Exchange]]) -> list[Judged]:
            return [judge(roots, texts, exchange, in_own_words=in_own_words) for _, exchange in exchanges]

        async with aclosing(self._pages(user_id)) as pages:
            async for page in pages:
                others = [(id_, exchange) for id_, exchange in page if id_ not in group.episodes]
                judged = await trio.to_thread.run_sync(judge_all, others)
                for (id_, _), one in zip(others, judged, strict=True):
                    if one.verdict == "repeats":
                        group.episodes.add(id_)
                        group.redacted.pop(id_, None)
                    elif id_ not in group.redacted:
                        group.mentioned += [id_] if one.verdict == "mentions" else []
                        if one.rewritten is not None:
                            group.scrubbed[id_] = one.rewritten

    async def _rows(
        self, user_id: UUID, statement: StatementName, **values: object
    ) -> tuple[UserKey, list[tuple[Any, ...]]]:
        """Rows, and the key that decrypts them."""

        async def queue(connection: Connection, _: UserKey) -> Cursor:
            return await connection.execute(self._vault.statements[statement], {"user_id": user_id, **values})

        key, cursor = await self._vault.consistent(user_id, queue)
        return key, await cursor.fetchall()

    async def _exchanges(self, user_id: UUID, ids: Collection[UUID]) -> list[tuple[UUID, Exchange]]:
        if not ids:
            return []
        return await self._read(*await self._rows(user_id, "episode_exchange", ids=list(ids)))

    async def _pages(self, user_id: UUID) -> AsyncGenerator[list[tuple[UUID, Exchange]], None]:
        """All exchanges of a user."""
        after = _NO_ID
        while True:
            key, rows = await self._rows(user_id, "episodes_page", after=after, limit=_PAGE)
            yield await self._read(key, [(row[0], row[4]) for row in rows])
            if len(rows) < _PAGE:
                return
            after = rows[-1][0]

    async def _read(self, key: UserKey, rows: Sequence[tuple[Any, ...]]) -> list[tuple[UUID, Exchange]]:
        found = []
        for id_, token in rows:
            with suppress(Unreadable):
                found.append((id_, self._episodic.read_exchange(key.cipher, id_, token)))
            await trio.lowlevel.checkpoint()
        return found

    async def _decide(self, connection: Connection, user_id: UUID, user_key: UserKey, group: _Group) -> _Decision:
        """Read the memories again, because some may have been learned from these episodes since."""
        sql = self._vault.statements
        touched = group.episodes | group.redacted.keys()
        present = await connection.execute(sql["episodes_present"], {"user_id": user_id, "ids": list(touched)})
        of_items = {"user_id": user_id, "ids": list(group.items | touched)}
        learned = await connection.execute(sql["associative_of_items"], of_items)
        core = await connection.execute(sql["core_all"], {"user_id": user_id})
        memories, entities, again = [], [], set(group.redacted)
        for id_, _, source_id, sources, _, _, entity_type, entity_id in await learned.fetchall():
            if id_ not in group.items and source_id not in touched:
                continue  # its text comes from an episode that stays
            memories.append(id_)
            again |= set(sources) - touched
            entities += [(entity_type, entity_id)] if entity_type is not None else []
        requests: dict[UUID, UUID] = dict(await present.fetchall())
        return _Decision(
            group,
            sorted(requests.keys() & group.episodes),
            sorted(requests.values()),
            sorted(memories),
            entities,
            sorted(again),
            self._core.forgetting(user_key, await core.fetchall(), group.items, touched),
            await self._proactive.forgetting(connection, user_id, user_key, group.items, group.episodes),
        )

    async def _act(
        self, connection: Connection, user_id: UUID, user_key: UserKey, decision: _Decision
    ) -> datetime | None:
        """Returns when the removed contents can't be decrypted any more in copies of the database."""
        sql, group = self._vault.statements, decision.group
        episodes = {"user_id": user_id, "ids": list(decision.episodes)}
        ids = [*decision.episodes, *group.redacted]
        touched = {"user_id": user_id, "ids": ids}
        await self._associative.remove_in(connection, user_key, decision.memories)
        # The vectors of the next turns include the forgotten text, so they are computed again.
        await self._associative.unembed_after_in(connection, user_key, ids)
        await connection.execute(sql["requests_forget"], touched | {"request_ids": list(decision.requests)})
        await connection.execute(sql["episode_forget"], episodes)
        await self._titles.forget_in(connection, user_id, [*decision.episodes, *group.redacted])
        for id_, exchange in (group.redacted | group.scrubbed).items():
            values = {"user_id": user_id, "id": id_} | self._episodic.sealed(user_key, id_, exchange)
            statement: StatementName = "episode_rekey" if id_ in group.redacted else "episode_scrub"
            await connection.execute(sql[statement], values)
        await connection.execute(sql["pending_again"], {"user_id": user_id, "ids": list(decision.learned_again)})
        await self._core.forget_in(connection, user_id, user_key, decision.core, group.items)
        await self._proactive.forget_in(connection, user_id, user_key, decision.patterns, group.items)
        tombstones = await Tombstones.read_for_adding(connection, self._vault, user_id, user_key)
        digests = [digest for said in group.said for digest in tombstones.of_said(said)]
        # A device that was away for any time may send an older change of the entity.
        entities = [digest for entity in decision.entities for digest in tombstones.of_entity(entity)]
        # If no stored episode contains the statements, only work in progress could bring them back.
        expires = not (group.mentioned or group.redacted or decision.learned_again)
        await tombstones.add(digests, datetime.now(UTC), expires=expires)
        await tombstones.add(entities, datetime.now(UTC))
        return await self._vault.renew_key_in(connection, user_id, user_key)
