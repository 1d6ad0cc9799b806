"""What the work of a short request on memory costs: statements, round trips, system calls that send, Python calls."""

from __future__ import annotations

import tempfile
from collections import Counter
from uuid import UUID, uuid4

import pytest
from psycopg import pq
from psycopg.abc import PQGen

from sql.driver import transactions
from sql.driver.wait import flush_gen
from sql.pool import Pool, open_pool
from sql.tenant import configure_server
from tests.memory.memories import Memories
from tests.python_calls import counted


async def ask(memories: Memories, ann: UUID, number: int) -> None:
    """The work of one request on memory: its admission, recall, its exchange, and its kept answer."""
    request_id, claim, server = uuid4(), uuid4(), uuid4()
    answers, middleware = memories.middleware.answers, memories.middleware
    assert await answers.claim(ann, request_id, claim, server, None, "digest", 60) is not None
    await middleware.quota.check(ann)
    recalled = await middleware.enrich_context(ann, f"What did I say about the boiler, number {number}?")
    assert await middleware.store_episode(
        ann, None, f"Boiler {number}.", "Noted.", request_id, recalled=recalled.texts()
    )
    result = {"status": "completed"}
    kept = await answers.end(
        ann, request_id, claim, "completed", changed=False, digest="digest", result=result, ttl_s=60
    )
    assert kept == "kept"


async def traced(pool: Pool, memories: Memories, ann: UUID) -> Counter[str]:
    """The messages to the server during one request, by their kind, in libpq's trace."""
    with tempfile.TemporaryFile("w+") as trace:
        async with pool.connection() as connection:
            connection.pgconn.trace(trace.fileno())
            connection.pgconn.set_trace_flags(pq.Trace.SUPPRESS_TIMESTAMPS)
        await ask(memories, ann, 9)
        async with pool.connection() as connection:
            connection.pgconn.untrace()
        trace.seek(0)
        return Counter(line.split("\t")[2].strip() for line in trace if line.startswith("F\t"))


async def test_a_short_request_takes_few_statements_round_trips_and_system_calls(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[int] = []

    def noted(pgconn: pq.abc.PGconn) -> PQGen[None]:
        sent.append(1)
        yield from flush_gen(pgconn)

    async with open_pool(database, max_size=1, configure=configure_server) as pool:
        memories = Memories(pool)
        ann = await memories.person()
        for number in range(8):  # from then on the statements are prepared, and the user's memories counted
            await ask(memories, ann, number)
        monkeypatch.setattr(transactions, "flush_gen", noted)
        messages = await traced(pool, memories, ann)
        monkeypatch.undo()
        with counted() as calls:
            await ask(memories, ann, 9)
    # A transaction has BEGIN, two settings and COMMIT: sixteen of the statements.
    assert messages["Execute"] <= 32
    # Admission, recall, the exchange and the kept answer.
    assert messages["Flush"] + messages["Sync"] == 4
    assert len(sent) == 4
    # Of this code, Trio, psycopg and others, in this thread.
    assert calls[0] <= 1_600
