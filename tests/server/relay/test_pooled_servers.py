"""Two servers on one database, each through PgBouncer in transaction mode; only their notifications go past it."""

from __future__ import annotations

import pytest
from psycopg.conninfo import make_conninfo

from server.settings.environment import SettingsError
from tests.database import LOGIN, temporary_directory
from tests.server.relay.test_two_servers import asking_for, chat, list_tasks, results, two_servers
from tests.server.tessera import open_tessera
from tests.sql.pgbouncer import needs_pgbouncer, pgbouncer
from tests.sql.tenant_rows import rows

pytestmark = needs_pgbouncer


async def test_an_answer_with_a_tool_at_the_other_server_is_stored_in_memory(database: str) -> None:
    direct = make_conninfo(database, user=LOGIN)
    with temporary_directory() as folder, pgbouncer(direct, folder) as pooled:
        async with two_servers(database, database_url=pooled, database_listen_url=direct) as (one, other):
            account = await one.account()
            one.script(asking_for("list_tasks", {}))
            async with other.device(account, tools={"list_tasks": list_tasks}):
                answer = await chat(one, account)
            assert answer.status_code == 200, answer.text
            assert "Write the report" in results(one)[0]
    assert rows(database, "SELECT count(*) FROM memory_episodic") == [(1,)]
    assert rows(database, "SELECT state FROM requests") == [("completed",)]


async def test_a_relay_without_a_way_past_the_pooler_is_refused(database: str) -> None:
    with (
        temporary_directory() as folder,
        pgbouncer(make_conninfo(database, user=LOGIN), folder) as pooled,
        pytest.RaisesGroup(
            pytest.RaisesExc(SettingsError, match=r"TESSERA_DATABASE_LISTEN_URL: unset, and .* connection pooler"),
            flatten_subgroups=True,
        ),
    ):
        async with open_tessera(database, relay="true", database_url=pooled):
            pass
