"""The private names of psycopg that `sql/driver/` uses: an upgrade that moves one of them fails here first."""

from __future__ import annotations

import ast
import inspect

import psycopg
import pytest
from psycopg import (
    _conninfo_attempts,
    _pipeline_async,
    _pipeline_base,
    _preparing,
    _queries,
    errors,
    generators,
    transaction,
)
from psycopg._connection_base import BaseConnection
from psycopg._server_cursor_async import AsyncServerCursor

from sql.driver.connection import TrioConnection
from sql.driver.cursor import TrioCursor
from sql.driver.settled import SettledConnection
from sql.driver.transactions import TrioPipeline, TrioServerCursor, TrioTransaction
from tests.architecture.layout import ROOT, python_files

AsyncConnection = psycopg.AsyncConnection
AsyncCursor = psycopg.AsyncCursor


@pytest.mark.parametrize(
    ("owner", "name", "parameters"),
    [
        (BaseConnection, "_connect_gen", ["conninfo"]),
        (BaseConnection, "_cancel_gen", ["self"]),
        (BaseConnection, "_should_cancel", ["self"]),
        (BaseConnection, "_check_connection_ok", ["self"]),
        (BaseConnection, "_exec_command", ["self", "command", "result_format"]),
        (AsyncConnection, "_get_connection_params", ["conninfo", "kwargs"]),
        (AsyncConnection, "wait", ["self", "gen", "interval", "timeout"]),
        (AsyncConnection, "cancel_safe", ["self", "timeout"]),
        (AsyncConnection, "_try_cancel", ["self", "timeout"]),
        (AsyncConnection, "transaction", ["self", "savepoint_name", "force_rollback"]),
        (AsyncConnection, "pipeline", ["self"]),
        (AsyncConnection, "_pipeline_nolock", ["self"]),
        (AsyncConnection, "close", ["self"]),
        (transaction.AsyncTransaction, "__init__", ["self", "connection", "savepoint_name", "force_rollback"]),
        (transaction.AsyncTransaction, "_check_enter", ["self"]),
        (transaction.AsyncTransaction, "_enter_gen", ["self"]),
        (transaction.AsyncTransaction, "_exit_gen", ["self", "exc_type", "exc_val", "exc_tb"]),
        (_pipeline_async.AsyncPipeline, "__init__", ["self", "conn", "_no_lock"]),
        (_pipeline_async.AsyncPipeline, "__aenter__", ["self"]),
        (_pipeline_base.BasePipeline, "_exit_gen", ["self"]),
        (_pipeline_base.BasePipeline, "_sync_gen", ["self"]),
        (_pipeline_base.BasePipeline, "_enqueue_sync", ["self"]),
        (_pipeline_base.BasePipeline, "_communicate_gen", ["self"]),
        (_pipeline_base.BasePipeline, "_fetch_gen", ["self", "flush"]),
        (_pipeline_base.BasePipeline, "_exit", ["self", "exc"]),
        (_pipeline_base.BasePipeline, "_enter_gen", ["self"]),
        (AsyncCursor, "_execute_gen", ["self", "query", "params", "prepare", "binary"]),
        (AsyncCursor, "_maybe_prepare_gen", ["self", "pgq", "prepare", "binary"]),
        (AsyncCursor, "_check_result_for_fetch", ["self"]),
        (AsyncCursor, "_fetch_pipeline", ["self"]),
        (_pipeline_base.BasePipeline, "_process_results", ["self", "queued", "results"]),
        (_queries.PostgresQuery, "convert", ["self", "query", "vars"]),
        (_queries.PostgresQuery, "dump", ["self", "vars"]),
        (_queries, "_query2pg_nocache", ["query", "encoding"]),
        (_preparing.PrepareManager, "clear", ["self"]),
        (_preparing.PrepareManager, "maintain_gen", ["self", "conn"]),
        (AsyncServerCursor, "close", ["self"]),
        (_conninfo_attempts, "conninfo_attempts", ["params"]),
        (generators, "send", ["pgconn"]),
        (generators, "copy_from", ["pgconn"]),
        (generators, "copy_end", ["pgconn", "error"]),
    ],
)
def test_a_private_name_exists_and_takes_the_same_parameters(owner: object, name: str, parameters: list[str]) -> None:
    assert list(inspect.signature(getattr(owner, name)).parameters) == parameters


async def test_the_private_attributes_exist(database: str) -> None:
    async with await TrioConnection.connect(database) as connection:
        held = vars(connection)
        expected = {"lock", "_autocommit", "_adapters", "_num_transactions", "_pipeline", "_prepared", "_closed"}
        assert expected <= held.keys()
        transaction_ = vars(TrioTransaction(connection))
        assert {"_conn", "pgconn", "status"} <= transaction_.keys()
        assert {"_conn", "pgconn", "level", "_lock", "command_queue", "result_queue"} <= vars(
            TrioPipeline(connection)
        ).keys()


def test_prepared_statements_are_known_by_their_text_and_the_types_of_their_parameters() -> None:
    query = _queries.PostgresQuery.__new__(_queries.PostgresQuery)
    query.query, query.types = b"SELECT %s", (25,)
    assert _preparing.PrepareManager.key(query) == (b"SELECT %s", (25,))
    assert list(_preparing.PrepareManager()._names) == []


def test_a_converted_statement_has_the_private_attributes() -> None:
    assert AsyncCursor._query_cls is _queries.PostgresQuery
    assert {"_want_formats", "_order", "_parts", "_tx"} <= set(_queries.PostgresQuery.__slots__)


async def test_a_cursor_has_the_attributes_that_psycopg_gives_it(database: str) -> None:
    async with await TrioConnection.connect(database) as connection:
        ours, theirs = connection.cursor(), AsyncCursor(connection)
        assert isinstance(ours, TrioCursor)
        names = {name for kind in AsyncCursor.__mro__ for name in getattr(kind, "__slots__", ())}
        names.discard("__weakref__")
        assert {name for name in names if hasattr(ours, name)} == {name for name in names if hasattr(theirs, name)}
        differ = {name for name in names if hasattr(theirs, name) and getattr(ours, name) != getattr(theirs, name)}
        assert differ <= {"_adapters"}
        assert ours.adapters is connection.adapters


def test_every_place_that_waits_in_asyncio_is_overridden() -> None:
    """psycopg's asynchronous classes wait on asyncio in these methods; our classes must wait on Trio."""
    asyncio_users = {
        name
        for name, method in vars(AsyncConnection).items()
        if inspect.isfunction(inspect.unwrap(getattr(method, "__func__", method)))
        and ("asyncio" in (source := inspect.getsource(method)) or "waiting." in source)
    }
    assert asyncio_users == {"connect", "cancel_safe", "wait"}
    assert asyncio_users <= vars(TrioConnection).keys() | vars(SettledConnection).keys()
    for ours, theirs in (
        (TrioTransaction, transaction.AsyncTransaction),
        (TrioPipeline, _pipeline_async.AsyncPipeline),
        (TrioServerCursor, AsyncServerCursor),
    ):
        assert issubclass(ours, theirs)
        assert "asyncio" not in inspect.getsource(inspect.getmodule(theirs) or theirs)


def test_only_the_driver_imports_private_modules_of_psycopg() -> None:
    users = {
        path.relative_to(ROOT).parts[:2]
        for path in python_files("sql")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("psycopg._")
    }
    assert users == {("sql", "driver")}


def test_the_libraries_can_cancel_without_blocking_and_have_pipelines() -> None:
    assert psycopg.capabilities.has_cancel_safe(check=True)
    assert psycopg.capabilities.has_pipeline(check=True)
    assert issubclass(errors._WaitTimeout, psycopg.OperationalError)
    assert callable(generators.fetch)
    assert callable(generators.connect)
