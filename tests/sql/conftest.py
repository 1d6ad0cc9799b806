"""Connections to an empty database."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from sql.driver.connection import Connection, TrioConnection


@pytest.fixture
async def connection(empty_database: str) -> AsyncIterator[Connection]:
    """An autocommit connection to a database with an empty table `marks`."""
    async with await TrioConnection.connect(empty_database, autocommit=True) as connection:
        await connection.execute("CREATE TABLE marks (mark int UNIQUE)")
        yield connection


@pytest.fixture
async def observer(empty_database: str) -> AsyncIterator[Connection]:
    """A second connection to the same database."""
    async with await TrioConnection.connect(empty_database, autocommit=True) as connection:
        yield connection
