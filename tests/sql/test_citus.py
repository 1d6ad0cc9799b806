"""The tables can be distributed by user: the statements in docs/memory.md name every table, and no key spans two users.

Citus itself is not here: what its functions are called with is recorded, and held against the catalogue.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import psycopg
import pytest

from sql.statements import StatementName, Statements

DOCS = Path(__file__).resolve().parents[2] / "docs" / "memory.md"
STATEMENTS = Statements.load()
LISTING = {
    "user_ids_page",
    "pending_users",
    "unembedded_users",
    "rekey_users",
    "user_by_email",
    "requests_expire",
    "changes_expire",
}
"""Statements about all users: they list ids, find the user of an address, or remove expired rows."""

NOT_IMMUTABLE = r"\b(?:now|clock_timestamp|statement_timestamp|random|gen_random_uuid|nextval|app_user_id)\("
VOLATILE = r"\b(?:clock_timestamp|random|gen_random_uuid|nextval|pg_notify|pg_advisory\w*)\("

RECORDERS = """
CREATE TABLE pg_temp.called (place serial, kind text, name text, key text, colocated_with text);
CREATE FUNCTION create_reference_table(name text) RETURNS void LANGUAGE sql AS
    'INSERT INTO pg_temp.called (kind, name) SELECT ''reference'', name::regclass::text';
CREATE FUNCTION create_distributed_table(name text, key text, colocate_with text DEFAULT NULL) RETURNS void
    LANGUAGE sql AS
    'INSERT INTO pg_temp.called (kind, name, key, colocated_with)
     SELECT ''distributed'', name::regclass::text, key, colocate_with::regclass::text';
"""


def documented() -> str:
    """The SQL of the section on Citus."""
    section = DOCS.read_text("utf-8").partition("\n## Citus\n")[2].partition("\n## ")[0]
    (block,) = re.findall(r"```sql\n(.*?)```", section, re.DOTALL)
    return str(block)


def test_the_documented_statements_distribute_every_table_by_user(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute(RECORDERS)
        script = documented().replace("CREATE EXTENSION citus;", "")
        owner.execute(script.replace("DATABASE tessera", f'DATABASE "{owner.info.dbname}"'))
        called = owner.execute("SELECT kind, name, key, colocated_with FROM pg_temp.called ORDER BY place").fetchall()
        tables = owner.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
            " AND relname <> 'schema_migrations'"
        ).fetchall()
        foreign_keys = owner.execute(
            "SELECT conrelid::regclass::text, confrelid::regclass::text, array_position(conkey, k.attnum),"
            " array_position(confkey, f.attnum) FROM pg_constraint"
            " JOIN pg_attribute AS k ON k.attrelid = conrelid AND k.attname = 'user_id'"
            " JOIN pg_attribute AS f ON f.attrelid = confrelid AND f.attname = 'user_id'"
            " WHERE contype = 'f' AND connamespace = 'public'::regnamespace"
        ).fetchall()
    references = {name for kind, name, *_ in called if kind == "reference"}
    distributed = [(name, key, colocated_with) for kind, name, key, colocated_with in called if kind == "distributed"]
    assert references == {"users", "relay_workers"}  # rows of servers belong to no user
    assert called[0][0] == "reference"  # tables that refer to it come later
    assert {name for name, *_ in distributed} | references == {name for (name,) in tables}
    first = distributed[0][0]
    assert {(key, colocated_with) for _, key, colocated_with in distributed[1:]} == {("user_id", first)}
    places = {name: place for place, (_, name, *_) in enumerate(called)}
    for table, target, here, there in foreign_keys:
        # Citus allows a key to a reference table, or to a co-located table if it pairs the distribution columns.
        assert target in references or (here is not None and here == there), (table, target)
        assert places[target] < places[table], (table, target)
    assert len(foreign_keys) >= len(distributed)


@pytest.mark.parametrize("name", sorted(set(get_args(StatementName)) - LISTING))
def test_every_table_that_a_statement_reads_is_held_to_the_user(name: StatementName) -> None:
    text = STATEMENTS[name].decode()
    read = re.findall(
        r"\b(?:FROM|JOIN|UPDATE)\s+(?:memory_\w+|users|devices|requests|change_logs|changes)\b(?!\.)"
        r"(?:\s+AS\s+(\w+))?",
        text.replace("FOR UPDATE", ""),
    )
    for alias in read:
        held = (
            rf"\b{alias}\.user_id = |\buser_id = {alias}\.user_id|\.user_id = {alias}\.user_id"
            if alias
            else r"\buser_id = "
        )
        assert re.search(held, text), (name, alias)
    assert len(re.findall(r"\buser_id = ", text)) >= len(read)


def clauses(text: str, keyword: str) -> list[str]:
    """What follows `keyword`, up to the end of its CTE or of the statement."""
    return re.findall(rf"\b{keyword}\b(.*?)(?=\n\)|\Z)", text, re.DOTALL)


def refused(text: str) -> list[str]:
    """The clauses of a statement that Citus refuses, because its nodes could compute different values of a function."""
    text = re.sub(r"--.*", "", text)
    changing = re.split(r"\b(?=DELETE FROM|UPDATE \w+\n|INSERT INTO)", text)[1:]
    wheres = [where for part in changing if not part.startswith("INSERT") for where in clauses(part, "WHERE")]
    selects = [part.split("RETURNING")[0] for part in changing if part.startswith("INSERT") and "SELECT" in part]
    exact = clauses(text, "DO UPDATE") + clauses(text, "RETURNING")
    found = [clause for clause in exact if re.search(NOT_IMMUTABLE, clause)]
    return found + [clause for clause in wheres + selects if re.search(VOLATILE, clause)]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("INSERT INTO a (b)\nVALUES (now())\nON CONFLICT (b) DO UPDATE SET b = excluded.b\nRETURNING b", 0),
        ("INSERT INTO a (b)\nVALUES (1)\nON CONFLICT (b) DO UPDATE SET b = now()", 1),
        ("INSERT INTO a (b)\nVALUES (1)\nON CONFLICT (b) DO UPDATE SET b = 2\nWHERE a.c < now()", 1),
        ("INSERT INTO a (b)\nSELECT clock_timestamp()\nFROM c", 1),
        ("INSERT INTO a (b)\nSELECT now()\nFROM c", 0),
        ("UPDATE a\nSET b = now()\nWHERE c = 1\nRETURNING b", 0),
        ("UPDATE a\nSET b = 1\nWHERE c < clock_timestamp()", 1),
        ("DELETE FROM a\nWHERE b < clock_timestamp()\nRETURNING now()", 2),
        ("DELETE FROM a\nWHERE b < now()", 0),
        ("WITH a AS (\n    INSERT INTO b (c)\n    VALUES (1)\n    RETURNING c\n)\nSELECT now(), c FROM a", 0),
    ],
)
def test_the_clauses_that_citus_refuses_are_found(text: str, count: int) -> None:
    assert len(refused(text)) == count


def test_no_statement_has_a_clause_that_citus_refuses_but_one() -> None:
    # Messages expire by the time at which they are taken, also if their server was stopped within the transaction.
    assert {name for name in get_args(StatementName) if refused(STATEMENTS[name].decode())} == {"relay_take"}
