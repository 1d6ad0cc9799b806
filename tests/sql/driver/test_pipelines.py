"""The messages of a pipeline, as libpq sends them to the server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest
import trio
from psycopg import pq
from psycopg.abc import PQGen
from trio.testing import wait_all_tasks_blocked

from sql.driver import cursor as cursor_module
from sql.driver import transactions
from sql.driver.connection import Connection, TrioConnection
from sql.driver.lock import ConnectionLock
from sql.driver.settled import MAX_QUEUED
from sql.driver.wait import flush_gen


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


async def marks(connection: Connection) -> list[int]:
    return [row[0] for row in await (await connection.execute("SELECT mark FROM marks ORDER BY mark")).fetchall()]


@pytest.fixture
async def connection(database: str) -> AsyncIterator[Connection]:
    async with await TrioConnection.connect(database, autocommit=True) as connection:
        await connection.execute("CREATE TEMPORARY TABLE marks (mark int)")
        yield connection


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one entry each time that the driver has libpq send what it has buffered."""
    found: list[int] = []

    def noted(pgconn: pq.abc.PGconn) -> PQGen[None]:
        found.append(1)
        yield from flush_gen(pgconn)

    monkeypatch.setattr(transactions, "flush_gen", noted)
    return found


async def test_queued_statements_are_sent_together(connection: Connection, sent: list[int]) -> None:
    async with connection.pipeline():
        connection.queue(b"BEGIN")
        cursors = [await connection.execute("SELECT %s::int", [number]) for number in range(20)]
        assert sent == []
        assert await cursors[-1].fetchone() == (19,)
        assert len(sent) == 1
        assert await cursors[0].fetchone() == (0,)
        connection.queue(b"COMMIT")
    assert len(sent) == 2


async def test_a_full_queue_is_sent(connection: Connection, sent: list[int]) -> None:
    async with connection.pipeline() as pipeline:
        for mark in range(10 * MAX_QUEUED):
            await connection.execute("INSERT INTO marks VALUES (%s)", [mark])
            assert len(pipeline.command_queue) <= MAX_QUEUED
        assert 10 <= len(sent) <= 12
    assert await marks(connection) == list(range(10 * MAX_QUEUED))


async def test_statements_that_were_not_sent_before_a_cancellation_do_not_run(connection: Connection) -> None:
    with trio.CancelScope() as scope:
        async with connection.pipeline():
            await (await connection.execute("INSERT INTO marks VALUES (1) RETURNING mark")).fetchone()
            await connection.execute("INSERT INTO marks VALUES (%s)", [2], prepare=True)
            scope.cancel()
            await trio.lowlevel.checkpoint()
    assert scope.cancelled_caught
    assert await marks(connection) == [1]
    await connection.execute("INSERT INTO marks VALUES (%s)", [3], prepare=True)
    assert await marks(connection) == [1, 3]


async def test_a_cancelled_scope_queues_nothing(connection: Connection) -> None:
    async with connection.pipeline() as pipeline:
        with trio.CancelScope() as scope:
            scope.cancel()
            await connection.execute("INSERT INTO marks VALUES (1)")
        assert scope.cancelled_caught
        assert not pipeline.command_queue
    assert await marks(connection) == []


async def test_more_than_the_socket_takes_is_sent(connection: Connection) -> None:
    """The server sends its answers while the client still sends, and each waits for the other to read."""
    async with connection.pipeline():
        cursors = [await connection.execute("SELECT %s::text", ["x" * 300_000]) for _ in range(30)]
        assert [len((await cursor.fetchone() or ("",))[0]) for cursor in cursors] == [300_000] * 30


async def test_a_long_statement_is_converted_once(connection: Connection) -> None:
    statement = b"SELECT %(value)s::int -- a comment" + b"." * 5_000
    before = cursor_module._converted.cache_info()
    for value in range(3):
        assert await (await connection.execute(statement, {"value": value})).fetchone() == (value,)
    after = cursor_module._converted.cache_info()
    assert (after.misses - before.misses, after.hits - before.hits) == (1, 2)


async def test_a_lock_that_is_free_is_taken_without_a_change_of_tasks() -> None:
    lock, order = ConnectionLock(), list[str]()

    async def other() -> None:
        order.append("other")
        async with lock:
            order.append("other holds it")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(other)
        async with lock:
            order.append("first")
            assert lock.locked()
            await wait_all_tasks_blocked()
            assert order == ["first", "other"]
    assert order == ["first", "other", "other holds it"]
    with trio.CancelScope() as scope:
        scope.cancel()
        async with lock:
            pytest.fail("the scope is cancelled")
    assert scope.cancelled_caught
    assert not lock.locked()
