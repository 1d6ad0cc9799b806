"""The tables can be distributed by user, and no statement has a form that Citus refuses.

Citus itself is not here. Functions with the names of its functions refuse the tables that it refuses.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import httpx
import psycopg
import pytest

from sql.distribution import DistributionError, distribute
from sql.migrate import migrate
from sql.statements import StatementName, Statements
from tests.database import login_settings
from tests.server.tessera import PASSWORD, open_tessera
from tests.sql.tenant_rows import rows

SCRIPT = Path(__file__).resolve().parents[2] / "deploy" / "citus.sql"
STATEMENTS = Statements.load()
LISTING = {
    "user_ids_page",
    "pending_users",
    "unembedded_users",
    "rekey_users",
    "index_users",
    "index_beside_users",
    "user_by_email",
    "requests_expire",
    "logins_expire",
    "invites_expire",
    "changes_expire",
    "devices_expire",
    "forgotten_expire",
}
"""Statements about all users: they list ids, find the user of an address, or remove expired rows."""

VOLATILE = r"(?i:\b(?:clock_timestamp|timeofday|random\w*|\w*uuid\w*|nextval|pg_notify|pg_advisory\w*)\()"
# A time plus an interval, and the date of a time, depend on the session's time zone. Casts of parameters do not.
NOT_IMMUTABLE = (
    rf"{VOLATILE}|(?i:\b(?:now|transaction_timestamp|statement_timestamp|age|to_char|current_setting|app_user_id)\("
    r"|\b(?:current_(?:timestamp|date|time|user|role)|localtime(?:stamp)?|session_user)\b|\binterval\b|(?<!\)s)::(?:date|timestamptz)\b)"
)

CITUS = """
CREATE TABLE pg_dist_partition (logicalrelid regclass PRIMARY KEY, kind text, key text, colocated_with text);
CREATE FUNCTION create_distributed_table(name regclass, key text, colocate_with text DEFAULT 'default') RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    column_ constant smallint := (SELECT attnum FROM pg_attribute WHERE attrelid = name AND attname = key);
BEGIN
    IF column_ IS NULL THEN
        RAISE 'no column %', key;
    ELSIF EXISTS (SELECT FROM pg_constraint WHERE contype = 'f' AND name IN (conrelid, confrelid)) THEN
        RAISE '% has a foreign key to or from a table that is not distributed yet', name;
    ELSIF EXISTS (SELECT FROM pg_index WHERE indrelid = name AND indisunique AND column_ <> ALL (indkey)) THEN
        RAISE '% has a unique index without the distribution column', name;
    ELSIF EXISTS (SELECT FROM pg_attribute WHERE attrelid = name AND attidentity <> '') THEN
        RAISE '% has an identity column', name;
    ELSIF EXISTS (SELECT FROM pg_trigger WHERE tgrelid = name AND NOT tgisinternal) THEN
        RAISE '% has a trigger', name;
    ELSIF EXISTS (
        SELECT FROM pg_policy WHERE polrelid = name
            AND concat(pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)) ~* 'select'
    ) THEN
        RAISE '% has a policy with a subquery', name;
    ELSIF (SELECT relforcerowsecurity FROM pg_class WHERE oid = name) THEN
        RAISE '% would lose its rows: row-level security is forced', name;
    END IF;
    INSERT INTO pg_dist_partition VALUES (name, 'distributed', key, colocate_with);
END
$$;
CREATE FUNCTION create_reference_table(name regclass) RETURNS void LANGUAGE sql AS
    'INSERT INTO pg_dist_partition VALUES (name, ''reference'', NULL, NULL)';
"""
"""The functions of Citus that `distribute` calls. They refuse what Citus refuses, as far as the tables decide it."""

FOREIGN_KEYS = """
SELECT conrelid::regclass::text, confrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint
WHERE contype = 'f' AND connamespace = 'public'::regnamespace ORDER BY 1, 2, 3
"""


def like_citus(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute(CITUS.encode())


async def test_every_table_is_distributed_by_user_with_its_foreign_keys(database: str) -> None:
    like_citus(database)
    keys = rows(database, FOREIGN_KEYS)
    assert len(keys) > 20
    named = await distribute(database)
    tables = rows(
        database, "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    assert set(named) == {name for (name,) in tables} - {"schema_migrations", "pg_dist_partition"}
    parts = dict(rows(database, "SELECT logicalrelid::text, (kind, key, colocated_with)::text FROM pg_dist_partition"))
    assert parts.pop("relay_workers") == "(reference,,)"  # rows of servers belong to no user
    assert parts.pop("accounts") == "(distributed,address,none)"
    assert parts.pop("invites") == "(distributed,digest,none)"
    assert parts.pop("users") == "(distributed,user_id,none)"
    assert set(parts.values()) == {"(distributed,user_id,users)"}
    # All come back, but for the one that would reach from one node to another.
    assert rows(database, FOREIGN_KEYS) == [key for key in keys if key[0] != "accounts"]
    unforced = "SELECT relname FROM pg_class WHERE relrowsecurity AND NOT relforcerowsecurity"
    assert rows(database, unforced) == []
    for table, target, definition in keys:
        if table != "accounts":
            # Citus allows a foreign key between co-located tables if it pairs the distribution columns.
            assert re.match(rf"FOREIGN KEY \(user_id\b.*\) REFERENCES {target}\(user_id\b", definition), (table, target)


async def test_distributing_again_does_nothing_and_takes_new_tables_along(database: str) -> None:
    like_citus(database)
    await distribute(database)
    assert await distribute(database) == []
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute("CREATE TABLE later (user_id uuid PRIMARY KEY)")
    assert await distribute(database) == ["later"]
    assert await distribute(database) == []


async def test_a_refused_step_changes_nothing(database: str) -> None:
    like_citus(database)
    before = rows(database, FOREIGN_KEYS)
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute("CREATE TABLE wrong (user_id uuid, id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY)")
    with pytest.raises(DistributionError, match="wrong has a unique index without the distribution column"):
        await distribute(database)
    assert rows(database, FOREIGN_KEYS) == before
    assert rows(database, "SELECT * FROM pg_dist_partition") == []
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute("DROP TABLE wrong")
        owner.execute("CREATE TABLE wrong (id bigint)")
    with pytest.raises(DistributionError, match="neither tables of users nor known otherwise: wrong"):
        await distribute(database)


async def test_without_citus_it_says_so(database: str, empty_database: str) -> None:
    for name in (database, empty_database):
        with pytest.raises(DistributionError, match=r"no Citus extension, .* run deploy/citus\.sql first"):
            await distribute(name)
    like_citus(empty_database)
    with pytest.raises(DistributionError, match="apply the migrations first: 0001_users, "):
        await distribute(empty_database)


async def test_people_sign_up_and_log_in_on_distributed_tables(database: str) -> None:
    like_citus(database)
    await distribute(database)
    async with open_tessera(login_settings(database)["TESSERA_DATABASE_URL"], database_owner_url=database) as tessera:
        account = await tessera.account()
        async with httpx.AsyncClient(base_url=tessera.rest_url, trust_env=False, timeout=30) as client:
            email = rows(database, "SELECT email FROM users")[0][0]
            body = {"email": email, "password": PASSWORD}
            assert (await client.post("/api/v1/auth/login", json=body)).status_code == 200
            assert (await client.post("/api/v1/auth/register", json=body)).status_code == 409
    assert rows(database, "SELECT user_id::text, address FROM accounts") == [(str(account.user_id), email)]


async def test_a_migration_leaves_an_extension_alone_that_exists(empty_database: str) -> None:
    with psycopg.connect(empty_database, autocommit=True) as owner:
        owner.execute("CREATE EXTENSION vector")
        owner.execute(
            "CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE 'must be owner of extension vector'; END $$"
        )
        owner.execute(
            "CREATE EVENT TRIGGER as_on_the_workers ON ddl_command_start WHEN TAG IN ('CREATE EXTENSION')"
            " EXECUTE FUNCTION refuse()"
        )
    assert "0002_memory" in await migrate(empty_database)


def test_the_script_makes_roles_that_log_in_and_have_no_privileges(database: str) -> None:
    script = re.sub(r"^CREATE EXTENSION IF NOT EXISTS citus;$", "", SCRIPT.read_text("utf-8"), flags=re.MULTILINE)
    with psycopg.connect(database) as superuser:
        for _ in range(2):
            superuser.execute(script.encode())
        roles = superuser.execute(
            "SELECT rolname, rolcanlogin, rolsuper, rolbypassrls, pg_has_role(rolname, 'tessera_server', 'SET')"
            " FROM pg_roles WHERE rolname LIKE 'tessera\\_%' ORDER BY rolname"
        ).fetchall()
        assert roles == [
            (f"tessera_{name}", True, False, False, may_set)
            for name, may_set in (("app", True), ("owner", True), ("server", True), ("worker", False))
        ]
        inherits = superuser.execute("SELECT pg_has_role('tessera_owner', 'tessera_server', 'USAGE')").fetchone()
        assert inherits == (False,)
        superuser.rollback()


def test_notifications_are_sent_by_the_coordinator() -> None:
    for name in get_args(StatementName):
        text = STATEMENTS[name].decode()
        if "pg_notify" in text:
            assert not re.search(r"\b(?:FROM|JOIN|INTO|UPDATE)\b", text), name


def test_addresses_are_found_without_looking_at_users() -> None:
    for name in get_args(StatementName):
        text = STATEMENTS[name].decode()
        if re.search(r"\baccounts\b", text):
            assert re.search(r"address = lower\(|\(address, user_id\)\nVALUES \(lower\(|user_id = ", text), name
            assert not re.search(r"\b(?:FROM|JOIN)\s+(?!accounts)\w", text), name
        assert not re.search(r"\busers\b.*lower\((?:\w+\.)?email\)", text, re.DOTALL), name


@pytest.mark.parametrize("name", sorted(set(get_args(StatementName)) - LISTING))
def test_every_table_that_a_statement_reads_is_held_to_the_user(name: StatementName) -> None:
    text = STATEMENTS[name].decode()
    read = re.findall(
        r"\b(?:FROM|JOIN|UPDATE)\s+(?:memory_\w+|users|devices|requests|change_logs|changes|logins|used_\w+|token_\w+)\b(?!\.)"
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
    # A statement around a DELETE may have its own condition.
    deletes = [where for part in changing if part.startswith("DELETE") for where in clauses(part, "WHERE")[:1]]
    updates = [where for part in changing if part.startswith("UPDATE") for where in clauses(part, "WHERE")]
    selects = [part.split("RETURNING")[0] for part in changing if part.startswith("INSERT") and "SELECT" in part]
    exact = clauses(text, "DO UPDATE") + clauses(text, "RETURNING") + deletes
    found = [clause for clause in exact if re.search(NOT_IMMUTABLE, clause)]
    return found + [clause for clause in updates + selects if re.search(VOLATILE, clause)]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("INSERT INTO a (b)\nVALUES (now())\nON CONFLICT (b) DO UPDATE SET b = excluded.b\nRETURNING b", 0),
        ("INSERT INTO a (b)\nVALUES (1)\nON CONFLICT (b) DO UPDATE SET b = now()", 1),
        ("INSERT INTO a (b)\nVALUES (1)\nON CONFLICT (b) DO UPDATE SET b = 2\nWHERE a.c < now()", 1),
        ("INSERT INTO a (b)\nVALUES (1)\nON CONFLICT (b) DO UPDATE SET b = CURRENT_TIMESTAMP", 1),
        ("INSERT INTO a (b)\nVALUES (1)\nON CONFLICT (b) DO UPDATE SET b = uuidv7()", 1),
        ("INSERT INTO a (b)\nVALUES (1)\nON CONFLICT (b) DO UPDATE SET b = excluded.b + interval '1 day'", 1),
        ("INSERT INTO a (b)\nSELECT clock_timestamp()\nFROM c", 1),
        ("INSERT INTO a (b)\nSELECT now()\nFROM c", 0),
        ("UPDATE a\nSET b = now()\nWHERE c = 1\nRETURNING b", 0),
        ("UPDATE a\nSET b = 1\nWHERE c < clock_timestamp()", 1),
        ("DELETE FROM a\nWHERE b < clock_timestamp()\nRETURNING c + now()", 2),
        ("DELETE FROM a\nWHERE b < now()", 1),
        ("DELETE FROM a\nWHERE b < %(now)s", 0),
        ("WITH a AS (\n    INSERT INTO b (c)\n    VALUES (1)\n    RETURNING c\n)\nSELECT now(), c FROM a", 0),
    ],
)
def test_the_clauses_that_citus_refuses_are_found(text: str, count: int) -> None:
    assert len(refused(text)) == count


def test_no_statement_has_a_clause_that_citus_refuses() -> None:
    assert {name for name in get_args(StatementName) if refused(STATEMENTS[name].decode())} == set()
