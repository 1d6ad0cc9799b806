"""The statement files: how they are read, and what each one does to a migrated database."""

from __future__ import annotations

import re
import uuid
from pathlib import Path
from typing import Any, get_args

import psycopg
import pytest

from sql.pool import Pool
from sql.statements import StatementError, StatementName, Statements, loader
from sql.statements.__main__ import names_module
from sql.statements.loader import FOLDER, read_statements
from sql.tenant import scoped, scoped_to_email

STATEMENTS = Statements.load()


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ({"empty.sql": ""}, "empty.sql holds no statement"),
        ({"empty.sql": "-- Says what it would do.\n;\n"}, "empty.sql holds no statement"),
        ({"bare.sql": "SELECT 1;"}, "bare.sql does not start with a comment"),
        ({"two.sql": "-- Does two things.\nSELECT 1;\nSELECT 2;"}, "two.sql holds more than one statement"),
        ({"a/same.sql": "-- One.\nSELECT 1", "b/same.sql": "-- Two.\nSELECT 2"}, "two files are named same.sql"),
    ],
)
def test_a_file_that_is_wrong(tmp_path: Path, files: dict[str, str], complaint: str) -> None:
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    with pytest.raises(StatementError, match=complaint):
        read_statements(tmp_path)


def test_comment_and_semicolon_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "one.sql").write_text("-- Gives one.\n-- Always.\n\nSELECT 1 -- truly\n  AS one;\n")
    assert read_statements(tmp_path) == {"one": b"SELECT 1 -- truly\n  AS one"}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [("user_insert", "no .sql file below .* for: user_insert"), (None, "not listed in StatementName.*: another")],
)
def test_files_and_names_must_be_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str | None, complaint: str
) -> None:
    for name, text in read_statements(FOLDER).items():
        if name != change:
            (tmp_path / f"{name}.sql").write_bytes(b"-- A copy.\n" + text)
    if change is None:
        (tmp_path / "another.sql").write_text("-- Nobody's.\nSELECT 1")
    monkeypatch.setattr(loader, "FOLDER", tmp_path)
    with pytest.raises(StatementError, match=complaint):
        Statements.load()


def test_the_list_of_names_is_up_to_date() -> None:
    expected = names_module(read_statements(FOLDER))
    assert (FOLDER / "names.py").read_text("utf-8") == expected, "run `make statements`"
    assert '"another",' in names_module(["another"])


@pytest.mark.parametrize("name", get_args(StatementName))
async def test_the_server_accepts_each_statement(pool: Pool, name: StatementName) -> None:
    parameters: list[str] = []

    def number(match: re.Match[str]) -> str:
        if match[1] not in parameters:
            parameters.append(match[1])
        return f"${parameters.index(match[1]) + 1}"

    query = re.sub(r"%\((\w+)\)[sb]", number, STATEMENTS[name].decode())
    async with pool.connection() as connection:
        await connection.execute(b"EXPLAIN (GENERIC_PLAN) " + query.encode())


async def run(pool: Pool, name: StatementName, **parameters: object) -> list[tuple[Any, ...]]:
    email, user_id = parameters.get("email"), parameters.get("user_id")
    scope = scoped(pool, user_id) if isinstance(user_id, uuid.UUID) else scoped_to_email(pool, str(email))
    async with scope as connection:
        cursor = await connection.execute(STATEMENTS[name], parameters)
    return await cursor.fetchall() if cursor.description else []


async def add_user(pool: Pool, email: str) -> tuple[uuid.UUID, list[tuple[Any, ...]]]:
    user_id = uuid.uuid4()
    values = {"user_id": user_id, "email": email, "password_hash": "hash", "encryption_key": b"wrapped"}
    async with scoped(pool, user_id) as connection:
        taken = await connection.execute(STATEMENTS["account_insert"], values)
        if await taken.fetchone() is None:
            return user_id, []
        inserted = await connection.execute(STATEMENTS["user_insert"], values)
    return user_id, await inserted.fetchall()


async def test_an_email_belongs_to_one_user_in_any_case(pool: Pool) -> None:
    user_id, rows = await add_user(pool, "Ada@example.org")
    assert [row[0] for row in rows] == [user_id]
    for taken in ("Ada@example.org", "ada@EXAMPLE.org"):
        assert (await add_user(pool, taken))[1] == []
    assert (await add_user(pool, "ada@example.com"))[1] != []

    (found,) = await run(pool, "user_by_email", email="ADA@example.org")
    assert found == (user_id,)
    (read,) = await run(pool, "user_read", user_id=user_id)
    assert read[:4] == (user_id, "Ada@example.org", "hash", b"wrapped")
    assert await run(pool, "user_key", user_id=user_id) == [(b"wrapped",)]
    assert await run(pool, "user_by_email", email="nobody@example.org") == []
    assert await run(pool, "user_key", user_id=uuid.uuid4()) == []


async def test_a_device_is_new_once_and_then_updated(pool: Pool, database: str) -> None:
    user_id, _ = await add_user(pool, "ada@example.org")
    other_id, _ = await add_user(pool, "bob@example.org")
    device_id = uuid.uuid4()
    device = {"device_id": device_id, "client_name": "app", "client_version": "1", "client_platform": "linux"}

    async def read(user: uuid.UUID, seen_s: float = 60.0) -> tuple[Any, ...]:
        (row,) = await run(pool, "device_read", user_id=user, device_id=device_id, seen_s=seen_s, limit=10)
        return row[:6]

    assert await read(user_id) == (None, None, None, None, 0, None)
    for user in (user_id, other_id):  # the same installation with another account is another device
        await run(pool, "device_insert", user_id=user, most=1, **device)
    await run(pool, "device_insert", user_id=user_id, most=1, **device | {"client_version": "2"})
    assert await read(user_id) == ("app", "1", "linux", False, 0, None)
    assert (await read(user_id, seen_s=-60.0))[3] is True
    await run(pool, "device_seen", user_id=user_id, **device | {"client_version": "2"})
    assert await read(user_id) == ("app", "2", "linux", False, 0, None)
    assert await read(other_id) == ("app", "1", "linux", False, 0, None)
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute("DELETE FROM users WHERE user_id = %s", [user_id])
        assert owner.execute("SELECT user_id FROM devices").fetchall() == [(other_id,)]


async def test_a_device_needs_its_user(pool: Pool) -> None:
    device = {"device_id": uuid.uuid4(), "client_name": "app", "client_version": "1", "client_platform": "linux"}
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        await run(pool, "device_insert", user_id=uuid.uuid4(), most=1, **device)
