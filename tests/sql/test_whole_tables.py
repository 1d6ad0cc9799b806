"""No statement of the server reads a whole table: each scan of a table has a condition that an index answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, get_args

import psycopg

from sql.statements import StatementName, Statements
from tests.database import new_database

STATEMENTS: Final = Statements.load()
SMALL: Final = {"relay_workers"}
"""Tables with a row for each running server."""


def scans(plan: Any) -> Iterator[dict[str, Any]]:
    """The nodes of a plan that read a table, or an index for a table."""
    if isinstance(plan, list):
        for part in plan:
            yield from scans(part)
    elif isinstance(plan, dict):
        if re.search(r"^(?:Seq|Index|Index Only|Bitmap Index|Sample) Scan$", plan.get("Node Type", "")):
            yield plan
        for part in plan.values():
            yield from scans(part)


def whole_tables(owner: psycopg.Connection[Any], text: str) -> list[str]:
    """The tables of which a statement reads every row. The session avoids sequential scans if it can."""
    text = re.sub(r"(?m)^--.*\n", "", text).strip().removesuffix(";")
    names = list(dict.fromkeys(re.findall(r"%\((\w+)\)[sb]", text)))
    query = re.sub(r"%\((\w+)\)[sb]", lambda match: f"${names.index(match[1]) + 1}", text)
    (plan,) = owner.execute(f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {query}".encode()).fetchone() or ([],)
    return [scan.get("Relation Name") or scan["Index Name"] for scan in scans(plan) if "Index Cond" not in scan]


def test_no_statement_reads_a_whole_table(postgres: str) -> None:
    # A database that no other test has used: statistics of other tests' rows would change the plans.
    with new_database(postgres) as database, psycopg.connect(database, autocommit=True) as owner:
        owner.execute("SET enable_seqscan = off")
        read = {name: set(whole_tables(owner, STATEMENTS[name].decode())) - SMALL for name in get_args(StatementName)}
        assert {name: tables for name, tables in read.items() if tables} == {}
        # What the test must find.
        assert whole_tables(owner, "SELECT user_id FROM memory_pending WHERE attempts > %(most)s") == ["memory_pending"]
        assert whole_tables(owner, "SELECT user_id FROM memory_pending ORDER BY user_id") == ["memory_pending"]
        assert whole_tables(owner, "SELECT attempts FROM memory_pending WHERE user_id = %(user_id)s") == []
