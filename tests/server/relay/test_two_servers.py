"""Two servers over one database: a request at either server reaches the devices of both."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
import trio
from cryptography.fernet import Fernet
from psycopg.sql import SQL, Identifier
from trio.testing import MockClock

from client.terminal.account import SignIn
from client.terminal.answer import RequestRefusedError
from client.terminal.device import open_device
from server.relay.relay import Relay
from streaming.wire import WsServerMutation, WsToolCall
from streaming.wire.codes import CloseCode, ErrorCode
from tests.model_server import ReceivedRequest, Step, tool_calls
from tests.server.sockets.raw_device import RawDevice
from tests.server.tessera import Tessera, open_tessera, text_block, tool_messages

TASKS = [{"id": "t1", "title": "Write the report", "status": "todo"}]


@asynccontextmanager
async def two_servers(database: str, **settings: Any) -> AsyncIterator[tuple[Tessera, Tessera]]:
    common = {"relay": "true", "master_keys": Fernet.generate_key().decode(), **settings}
    async with open_tessera(database, **common) as one, open_tessera(database, **common) as other:
        yield one, other


async def list_tasks(args: Mapping[str, Any]) -> Any:
    return {"items": TASKS}


async def never(args: Mapping[str, Any]) -> Any:
    await trio.sleep_forever()


def asking_for(tool: str, args: dict[str, Any]) -> Callable[[ReceivedRequest], list[Step]]:
    def model(request: ReceivedRequest) -> list[Step]:
        if not tool_messages(request):
            return tool_calls((tool, args))
        return text_block("So ", "be ", "it.")

    return model


async def chat(tessera: Tessera, account: SignIn, **body: Any) -> httpx.Response:
    async with httpx.AsyncClient(base_url=tessera.rest_url, trust_env=False, timeout=30) as client:
        return await client.post(
            "/api/v1/chat",
            json={"message": "what is there to do?", **body},
            headers={"Authorization": f"Bearer {account.access_token}"},
        )


def results(tessera: Tessera) -> list[str]:
    """The tool results in the last call of the model."""
    return tool_messages(tessera.answers()[-1])


async def until(condition: Callable[[], bool]) -> None:
    """Poll for an effect at another server. The test's own time limit ends it."""
    while not condition():  # noqa: ASYNC110 - nothing in this process says so
        await trio.sleep(0.01)


def count(database: str, table: str) -> int:
    with psycopg.connect(database, autocommit=True) as connection:
        row = connection.execute(SQL("SELECT count(*) FROM {}").format(Identifier(table))).fetchone()
    assert row is not None
    return int(row[0])


async def test_a_tool_runs_on_the_device_of_the_other_server(database: str) -> None:
    async with two_servers(database) as (one, other):
        account = await one.account()
        one.script(asking_for("list_tasks", {}))
        async with other.device(account, tools={"list_tasks": list_tasks}):
            answer = await chat(one, account)
        assert answer.status_code == 200, answer.text
        assert "Write the report" in results(one)[0]
        assert count(database, "relay_messages") == 0


async def test_a_popups_scope_is_read_from_the_device_of_the_other_server(database: str) -> None:
    async def get_task(args: Mapping[str, Any]) -> Any:
        return TASKS[0]

    async with two_servers(database) as (one, other):
        account = await one.account()
        one.script(lambda _: text_block("Fine."))
        async with other.device(account, tools={"get_task": get_task}):
            answer = await chat(one, account, mode="popup", scope={"type": "task", "id": "t1"})
        assert answer.status_code == 200, answer.text
        assert "Write the report" in str(one.answers()[-1].body["messages"])


async def test_the_device_that_connected_last_serves_at_either_server(database: str) -> None:
    served: list[str] = []

    def tool(name: str) -> Callable[[Mapping[str, Any]], Awaitable[Any]]:
        async def run(args: Mapping[str, Any]) -> Any:
            served.append(name)
            return {"items": []}

        return run

    near = uuid4()
    async with two_servers(database) as (one, other):
        account = await one.account()
        one.script(asking_for("list_tasks", {}))
        async with (
            one.device(account, device_id=near, tools={"list_tasks": tool("near")}),
            other.device(account, tools={"list_tasks": tool("far")}),
        ):
            assert (await chat(one, account)).status_code == 200
            assert (await chat(one, account, device_id=str(near))).status_code == 200
        assert served == ["far", "near"]


async def test_only_the_users_own_devices_are_reached(database: str) -> None:
    async with two_servers(database) as (one, other):
        account, stranger = await one.account(), await one.account()
        one.script(asking_for("list_tasks", {}))
        foreign = uuid4()
        async with other.device(stranger, device_id=foreign, tools={"list_tasks": never}):
            assert (await chat(one, account)).status_code == 200
            assert (await chat(one, account, device_id=str(foreign))).status_code == 200
        assert "device_offline" in results(one)[0]


class Hanging:
    """A tool that never answers. Records when it began and when it was cancelled."""

    def __init__(self) -> None:
        self.begun = trio.Event()
        self.ended = trio.Event()

    async def __call__(self, args: Mapping[str, Any]) -> Any:
        self.begun.set()
        try:
            await trio.sleep_forever()
        finally:
            self.ended.set()


async def test_a_missed_deadline_withdraws_the_call_there(database: str, jump_clock: MockClock) -> None:
    tool = Hanging()
    answers: list[httpx.Response] = []

    async def ask() -> None:
        answers.append(await chat(one, account))

    async with two_servers(database, tool_timeout_s=20) as (one, other):
        account = await one.account()
        one.script(asking_for("list_tasks", {}))
        async with other.device(account, tools={"list_tasks": tool}):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ask)
                await tool.begun.wait()
                jump_clock.jump(20)
                await tool.ended.wait()
            assert answers[0].status_code == 200
            assert "deadline" in results(one)[0]
            await until(lambda: count(database, "relay_messages") == 0)


async def test_a_cancelled_request_withdraws_the_call_there(database: str) -> None:
    tool = Hanging()
    async with two_servers(database) as (one, other):
        account = await one.account()
        one.script(asking_for("list_tasks", {}))
        async with other.device(account, tools={"list_tasks": tool}):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(chat, one, account)
                await tool.begun.wait()
                nursery.cancel_scope.cancel()
            await tool.ended.wait()


async def test_a_person_approves_on_the_device_of_the_other_server(database: str) -> None:
    async def delete_task(args: Mapping[str, Any]) -> Any:
        return {"id": args["id"]}

    async def approve(call: WsToolCall) -> bool:
        assert call.requires_approval
        return bool(call.args["id"] == "t1")

    async with two_servers(database) as (one, other):
        account = await one.account()
        async with other.device(account, tools={"delete_task": delete_task}, on_approval=approve):
            for task_id, mutated in (("t1", 1), ("t2", 0)):
                one.script(asking_for("delete_task", {"id": task_id}))
                answer = await chat(one, account)
                assert len(answer.json()["mutations"]) == mutated, answer.text
        assert "denied" in results(one)[0]


async def test_a_device_that_disconnects_during_a_call_is_a_clear_error(database: str) -> None:
    async with two_servers(database, resume_grace_s=0.2) as (one, other):
        account = await one.account()
        one.script(asking_for("list_tasks", {}))
        tool = Hanging()
        answers: list[httpx.Response] = []

        async def ask() -> None:
            answers.append(await chat(one, account))

        async with trio.open_nursery() as nursery, other.device(account, tools={"list_tasks": tool}) as device:
            nursery.start_soon(ask)
            await tool.begun.wait()
            await device.vanish()
        assert answers[0].status_code == 200
        assert "device_gone" in results(one)[0]


async def test_mutations_reach_the_devices_of_the_other_server(database: str) -> None:
    seen: list[WsServerMutation] = []
    async with two_servers(database) as (one, other):
        account = await one.account()

        async def note(mutation: WsServerMutation) -> None:
            seen.append(mutation)

        origin = uuid4()
        async with one.device(account, device_id=origin) as editor, other.device(account, on_mutation=note):
            await editor.mutate("update", "task", "t1", {"title": "New"})
            await until(lambda: bool(seen))
            assert [(mutation.id, mutation.origin_device_id) for mutation in seen] == [("t1", origin)]


async def test_a_change_whose_server_ended_before_it_told_the_others_is_found(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Relay, "announce", lambda *_: None)  # as if the server was killed just before
    async with two_servers(database) as (one, other):
        account = await other.account()
        phone = RawDevice(account.access_token, features=("changes",))
        async with phone.connected(other.ws_url) as socket:
            async with one.device(account) as editor:
                await editor.mutate("update", "task", "t1", {"title": "New"})
                await until(lambda: count(database, "changes") == 1)
            one.stop.set()
            mutation = await socket.hear("mutation")
    assert (mutation["id"], mutation["change"]) == ("t1", 1)


async def test_the_same_device_at_the_other_server_replaces_the_older_socket(database: str) -> None:
    async with two_servers(database) as (one, other):
        account = await one.account()
        same = uuid4()
        async with one.device(account, device_id=same) as older, other.device(account, device_id=same) as newer:
            loss = await older.wait_closed()
            assert getattr(loss, "code", None) == CloseCode.REPLACED
            await newer.ping()
            # And back: the message about the first move must not end this session.
            async with one.device(account, device_id=same) as newest:
                await newer.wait_closed()
                await newest.ping()


async def test_a_request_id_runs_once_over_both(database: str) -> None:
    async with two_servers(database) as (one, other):
        account = await one.account()
        for tessera in (one, other):
            tessera.script(lambda _: text_block("Once."))
        request_id = uuid4()
        first, again = [await chat(tessera, account, request_id=str(request_id)) for tessera in (one, other)]
        assert first.status_code == again.status_code == 200
        assert again.json() == first.json()
        async with other.device(account) as device:
            answer = await device.home("again", request_id=request_id)
            with pytest.raises(RequestRefusedError) as refused:
                await answer.finish()
            assert refused.value.code == ErrorCode.DUPLICATE_REQUEST
        assert other.answers() == []


async def test_a_lost_listening_connection_is_reopened(database: str) -> None:
    async with two_servers(database) as (one, other):
        account = await one.account()
        one.script(asking_for("list_tasks", {}))
        async with other.device(account, tools={"list_tasks": list_tasks}):
            with psycopg.connect(database, autocommit=True) as connection:
                ended = connection.execute(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND query LIKE 'LISTEN%'"
                ).fetchone()
            assert ended == (2,)
            assert (await chat(one, account)).status_code == 200
        assert "Write the report" in results(one)[0]


async def test_tables_that_a_crash_emptied_fill_again(database: str) -> None:
    async with two_servers(database) as (one, other):
        account = await one.account()
        one.script(asking_for("list_tasks", {}))
        async with other.device(account, tools={"list_tasks": list_tasks}):
            with psycopg.connect(database, autocommit=True) as connection:
                connection.execute("TRUNCATE relay_workers, relay_devices, relay_messages")
            await until(lambda: (count(database, "relay_workers"), count(database, "relay_devices")) == (2, 1))
            assert (await chat(one, account)).status_code == 200
        assert "Write the report" in results(one)[0]


async def test_a_server_that_ends_takes_its_devices_with_it(database: str) -> None:
    keys = Fernet.generate_key().decode()
    async with open_tessera(database, relay="true", master_keys=keys) as one:
        account = await one.account()
        one.script(asking_for("list_tasks", {}))
        async with (
            open_tessera(database, relay="true", master_keys=keys) as other,
            open_device(other.ws_url, account.access_token),
        ):
            other.stop.set()
        assert (await chat(one, account)).status_code == 200
        assert "device_offline" in results(one)[0]
