"""The messages of a pipeline, as libpq sends them to the server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest
from psycopg import pq

from sql.driver.connection import Connection, TrioConnection


async def nothing(connection: Connection) -> None:
    """No statement."""


async def unread(connection: Connection) -> None:
    await connection.execute("SELECT 1")


async def read(connection: Connection) -> None:
    assert await (await connection.execute("SELECT 1")).fetchone() == (1,)


async def read_before_the_last(connection: Connection) -> None:
    await read(connection)
    await unread(connection)


async def failing(connection: Connection) -> None:
    await connection.execute("SELECT 1 / 0")


async def failing_read(connection: Connection) -> None:
    await (await connection.execute("SELECT 1 / 0")).fetchone()


async def in_transaction(connection: Connection) -> None:
    async with connection.transaction():
        await read(connection)


async def many(connection: Connection) -> None:
    async with connection.cursor() as cursor:
        await cursor.executemany("SELECT %s", [(1,), (2,)], returning=True)


@pytest.mark.parametrize(
    "block", [nothing, unread, read, read_before_the_last, failing, failing_read, in_transaction, many]
)
async def test_sync_is_the_last_message_of_a_pipeline(
    database: str, tmp_path: Path, block: Callable[[Connection], Awaitable[None]]
) -> None:
    """A pooler in transaction mode frees its database connection at `Sync`, and takes one for a later `Flush`."""
    trace = tmp_path / "trace"
    async with await TrioConnection.connect(database, autocommit=True) as connection:
        with trace.open("wb") as file:
            connection.pgconn.trace(file.fileno())
            connection.pgconn.set_trace_flags(pq.Trace.SUPPRESS_TIMESTAMPS)
            try:
                async with connection.pipeline():
                    await block(connection)
            except psycopg.errors.DivisionByZero:
                assert block in {failing, failing_read}
            finally:
                connection.pgconn.untrace()
    sent = [line.split("\t")[2] for line in trace.read_text().splitlines() if line.startswith("F")]
    assert sent[-1] == "Sync", sent
    after_sync = [later for earlier, later in pairwise(sent) if earlier == "Sync"]
    assert "Flush" not in after_sync, sent


async def test_a_queued_command_is_sent_with_the_next_statement_or_the_end(database: str) -> None:
    async with await TrioConnection.connect(database, autocommit=True) as connection:
        async with connection.pipeline():
            connection.queue(b"BEGIN")
            connection.queue(b"SET LOCAL app.user_id = 'someone'")
            cursor = await connection.execute("SELECT current_setting('app.user_id')")
            assert await cursor.fetchone() == ("someone",)
            connection.queue(b"COMMIT")
        assert connection.pgconn.transaction_status == pq.TransactionStatus.IDLE
        with pytest.raises(psycopg.ProgrammingError, match="in a pipeline"):
            connection.queue(b"BEGIN")


async def failing_transaction(connection: Connection) -> None:
    async with connection.pipeline():
        connection.queue(b"BEGIN")
        await connection.execute("SELECT 1 / 0")
        connection.queue(b"COMMIT")


async def test_a_failed_statement_is_reported_instead_of_the_commit_behind_it(database: str) -> None:
    async with await TrioConnection.connect(database, autocommit=True) as connection:
        for _ in range(5):  # the statement is prepared by then
            with pytest.raises(psycopg.errors.DivisionByZero):
                await failing_transaction(connection)
            await connection.rollback()
