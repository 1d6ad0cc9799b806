"""Stores conversations as the server does: each turn is an episode, which the enrichment worker makes searchable."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import trio

from bench.memories.corpus import Conversation, Item
from bench.memories.environment import Environment
from memory.enrichment import worth_learning
from memory.text import Analyser
from memory.tiers import normalised
from sql.tenant import scoped

_SAY_EVERY_S: Final = 5.0
_WAIT_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Memory:
    """An associative memory from the person's export."""

    id: UUID
    text: str
    when: datetime | None


@dataclass(frozen=True, slots=True)
class Written:
    """One person's memory, and the items of each row: items with the same words share a row.

    `unlearned` items have no row, because they contain nothing to remember, for example no words.
    """

    user_id: UUID
    memories: Sequence[Memory]
    items: dict[UUID, list[Item]]
    unlearned: int
    seconds: float


async def write(environment: Environment, conversation: Conversation) -> Written:
    """Store every item with `store_episode` for a new person, and enrich all. Prints its progress."""
    user_id = await environment.person()
    started = time.perf_counter()
    progress = _Progress(conversation.name, len(conversation.items))
    for number, item in enumerate(conversation.items):
        await environment.middleware.store_episode(user_id, item.session, item.text, "", at=item.when)
        progress.say("stored", number + 1)
    enriched = 0
    while await _pending(environment, user_id):
        count = await environment.middleware.enrichment.run_once()
        enriched += count
        progress.say("made searchable", enriched)
        if not count:
            await trio.sleep(_WAIT_S)  # failed episodes are tried again later
    seconds = time.perf_counter() - started
    memories = await _memories(environment, user_id)
    items, unlearned = _rows(conversation.items, memories)
    progress.end()
    return Written(user_id, memories, items, unlearned, seconds)


async def _pending(environment: Environment, user_id: UUID) -> int:
    async with scoped(environment.vault.pool, user_id) as connection:
        cursor = await connection.execute(environment.vault.statements["pending_count"], {"user_id": user_id})
        row = await cursor.fetchone()
    return int(row[0]) if row is not None else 0


async def _memories(environment: Environment, user_id: UUID) -> list[Memory]:
    memories = []
    async with aclosing(environment.middleware.export(user_id)) as pages:
        async for page in pages:
            for record in page:
                if record["tier"] == "associative":
                    when = datetime.fromisoformat(record["when"]) if record["when"] is not None else None
                    memories.append(Memory(UUID(record["id"]), record["text"], when))
    return memories


def _rows(items: Sequence[Item], memories: Sequence[Memory]) -> tuple[dict[UUID, list[Item]], int]:
    """The items of each row: those with its text, or else with its words, because near duplicates are merged."""
    analyser = Analyser()

    def words(text: str) -> frozenset[str]:
        return frozenset(word.term for word in analyser.words(text))

    by_text = {normalised(memory.text): memory.id for memory in memories}
    by_words = {words(memory.text): memory.id for memory in memories}
    rows: dict[UUID, list[Item]] = {memory.id: [] for memory in memories}
    unlearned = 0
    for item in items:
        learned = worth_learning(item.text, "", ())
        memory_id = None
        if learned is not None:
            memory_id = by_text.get(normalised(learned.text)) or by_words.get(words(learned.text))
        if memory_id is None:
            unlearned += 1
        else:
            rows[memory_id].append(item)
    return rows, unlearned


class _Progress:
    """Prints a line on stderr every few seconds."""

    def __init__(self, name: str, total: int) -> None:
        self._name = name
        self._total = total
        self._started = self._said = time.perf_counter()

    def say(self, what: str, count: int) -> None:
        now = time.perf_counter()
        if now - self._said >= _SAY_EVERY_S:
            self._said = now
            self._print(f"{count} of {self._total} {what}, {now - self._started:.0f} s")

    def end(self) -> None:
        seconds = time.perf_counter() - self._started
        self._print(f"{self._total} items in {seconds:.0f} s, {self._total / seconds:.0f} a second")

    def _print(self, text: str) -> None:
        print(f"  {self._name[:40]}: {text}", file=sys.stderr, flush=True)
