"""Enrichment takes few round trips to the database, and never holds the event loop for long."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import Any
from uuid import UUID, uuid4

import pytest
import trio

from memory.crypto import BlindTerms
from memory.crypto.rotation import Vectors
from memory.tiers.episodic import Exchange
from memory.tiers.patterns import seen_in
from memory.tiers.proactive import ProactiveMemory, facts_of
from memory.tiers.tombstones import Tombstones
from memory.vault import IndexKind
from sql.pool import Pool, open_pool
from sql.tenant import configure_server
from tests.memory.memories import Memories, WordEmbedder

MONDAY = datetime(2026, 5, 4, 8, tzinfo=UTC)


@asynccontextmanager
async def one_connection(database: str) -> AsyncIterator[Pool]:
    """A pool with one connection, so that its trace shows everything."""
    async with open_pool(database, max_size=1, configure=configure_server) as pool:
        yield pool


async def round_trips(pool: Pool, memories: Memories, ann: UUID) -> int:
    """How often the server is waited for while the due episodes of `ann` are enriched, in libpq's trace."""
    enrichment = memories.middleware.enrichment
    with tempfile.TemporaryFile("w+") as trace:
        async with pool.connection() as connection:
            connection.pgconn.trace(trace.fileno())
        async with trio.open_nursery() as nursery:
            assert await enrichment._enrich_user(ann, nursery) == 1
            nursery.cancel_scope.cancel()
        async with pool.connection() as connection:
            connection.pgconn.untrace()
        trace.seek(0)
        # psycopg sends a Flush when it waits for results, and a Sync when it ends a transaction.
        return sum(line.split("\t")[3].strip() in ("Flush", "Sync") for line in trace if line.count("\t") > 2)


async def store(memories: Memories, ann: UUID, message: str) -> None:
    await memories.middleware.store_episode(ann, "session", message, "Noted.", uuid4(), agent="task_agent")


@pytest.mark.parametrize(("embedder", "most"), [(None, 3), (WordEmbedder(), 4)])
async def test_an_episode_takes_three_round_trips_and_one_to_compare_vectors(
    database: str, embedder: WordEmbedder | None, most: int
) -> None:
    async with one_connection(database) as pool:
        memories = Memories(pool, embedder=embedder)
        ann = await memories.person()
        for name in ("Clara", "Piet"):  # the habits of earlier episodes are counted with the first one
            await memories.tell(ann, f"My friend {name} lives in Lisbon.", "Noted.")
        await store(memories, ann, "My cousin Ben repaired the boiler in May.")
        # The claim with its context; the lock with everything that is read; the writes with the commit.
        assert await round_trips(pool, memories, ann) == most
        records = await memories.records(ann)
    assert sum(record["tier"] == "associative" for record in records) == 3


async def test_a_person_who_had_something_forgotten_costs_few_more(database: str) -> None:
    async with one_connection(database) as pool:
        memories = Memories(pool)
        ann = await memories.person()
        await memories.tell(ann, "My friend Clara lives in Lisbon.", "Noted.")
        [memory] = [record for record in await memories.records(ann) if record["tier"] == "associative"]
        await memories.middleware.forget(ann, UUID(str(memory["id"])))
        await store(memories, ann, "My cousin Ben repaired the boiler in May.")
        assert await round_trips(pool, memories, ann) == 5


class _Steps(trio.abc.Instrument):
    """The largest number of Python calls in one step of a task, on the event loop's thread. It reads no clock."""

    def __init__(self) -> None:
        self.most = 0
        self._calls = 0

    def _called(self, frame: FrameType, event: str, argument: Any) -> None:
        del frame, argument
        self._calls += event in ("call", "c_call")

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        del task
        self._calls = 0
        sys.setprofile(self._called)

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        del task
        sys.setprofile(None)
        self.most = max(self.most, self._calls)

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count in all steps meanwhile."""
        trio.lowlevel.add_instrument(self)
        try:
            yield
        finally:
            trio.lowlevel.remove_instrument(self)
            # The step that removes the instrument has no end for it, and every call would be counted from then on.
            sys.setprofile(None)


async def test_counting_the_habits_of_many_episodes_does_not_hold_the_event_loop(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await memories.tell(ann, "My friend Clara lives in Lisbon.", "Noted.")
    [episode] = [record for record in await memories.records(ann) if record["tier"] == "episodic"]
    message = "We met " + ", ".join(f"Aa{chr(97 + a)}{chr(97 + b)}" for a in range(8) for b in range(25)) + "."
    exchange = Exchange(message, "Noted.", "task_agent", [])
    facts = [facts_of(UUID(str(episode["id"])), exchange, MONDAY + timedelta(weeks=week), UTC) for week in range(50)]
    proactive, steps = ProactiveMemory(memories.vault), _Steps()
    in_one_step = _Steps()
    in_one_step.before_task_step(trio.lowlevel.current_task())
    assert len(seen_in(facts)) == 202
    in_one_step.after_task_step(trio.lowlevel.current_task())
    assert in_one_step.most > 20_000, "this many would block the loop"
    with steps.counting():
        key = await memories.vault.key(ann)
        seen = await proactive.sighted(key, facts)
        async with memories.vault.writing(ann) as (connection, user_key):
            rows = await proactive.queue_rows(connection, ann, seen)
            tombstones = await Tombstones.read(connection, memories.vault, ann, user_key)
            await proactive.count_in(connection, ann, user_key, seen, rows, tombstones)
    assert steps.most < in_one_step.most / 10


class _OneVector(WordEmbedder):
    """All texts have the same vector, so each is compared with its near duplicates. Takes few calls."""

    async def embed_documents(self, texts: Sequence[str]) -> Vectors:
        return await super().embed_documents(["euros"] * len(texts))


@pytest.mark.parametrize("index", ["both", "sealed"])
async def test_enriching_long_answers_does_not_hold_the_event_loop(pool: Pool, index: IndexKind) -> None:
    memories = Memories(pool, embedder=_OneVector(), index=index)
    ann = await memories.person()
    await memories.tell(ann, "My friend Clara lives in Lisbon.", "Noted.")
    [memory] = [record for record in await memories.records(ann) if record["tier"] == "associative"]
    await memories.middleware.forget(ann, UUID(str(memory["id"])))  # from now on statements are compared with it
    for number in range(3):
        answer = " ".join(f"Item{number}x{word} costs {word} euros." for word in range(400))
        await memories.middleware.store_episode(ann, "session", f"Explain list {number}.", answer, uuid4())
    in_one_step, steps = _Steps(), _Steps()
    key = await memories.vault.key(ann)
    in_one_step.before_task_step(trio.lowlevel.current_task())
    BlindTerms(key.key).document(answer)
    in_one_step.after_task_step(trio.lowlevel.current_task())
    with steps.counting():
        async with trio.open_nursery() as nursery:
            assert await memories.middleware.enrichment._enrich_user(ann, nursery) == 3
            nursery.cancel_scope.cancel()
    assert sum(record["tier"] == "associative" for record in await memories.records(ann)) == 3
    assert in_one_step.most > 20_000, "this many would block the loop"
    # The longest step queues one statement with two lists of 400 entries.
    assert steps.most < 7_000, steps.most
