"""A table to see by which statements had an effect, and a way to see what a backend waits for."""

from __future__ import annotations

import trio

from sql.driver.connection import Connection


async def marks(connection: Connection) -> list[int]:
    """What the table holds, in order."""
    cursor = await connection.execute("SELECT mark FROM marks ORDER BY mark")
    return [mark for (mark,) in await cursor.fetchall()]


async def insert(connection: Connection, mark: int) -> None:
    """Add a row."""
    await connection.execute("INSERT INTO marks VALUES (%s)", [mark])


async def until_waiting(observer: Connection, pid: int, event: str) -> None:
    """Wait until that backend waits for `event`."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND wait_event = %s"
    while await (await observer.execute(waiting, [pid, event])).fetchone() == (0,):
        await trio.lowlevel.checkpoint()
