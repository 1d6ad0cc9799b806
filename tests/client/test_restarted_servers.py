"""The application and the server end before the server has a change: the next server gets it from the journal, once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import trio

from client.terminal.journal import DeviceJournal
from client.terminal.persistent_device import PersistentDevice, open_persistent_device
from client.terminal.reconnection import Patience
from streaming.wire import WsServerMutation
from tests.server.kept.test_kills import World, create_then_hang, opened

pytestmark = pytest.mark.slow


class Laptop:
    """The person's device with the tasks. Its journal is in a file, so it outlives the application."""

    def __init__(self, world: World, journal: Path, device_id: UUID | None = None) -> None:
        self.created: list[str] = []
        self.heard: list[WsServerMutation] = []
        self.journal = journal
        self._world = world
        self._device_id = device_id or uuid4()

    def started(self) -> PersistentDevice:
        """The application, started with the journal on the disk."""
        return PersistentDevice(
            self._world.server.url("ws"),
            self._token,
            device_id=self._device_id,
            tools={"create_task": self._create},
            journal=DeviceJournal.load(self.journal),
            on_mutation=self._hear,
            patience=Patience(first_delay_s=0.05, max_delay_s=0.2),
        )

    def calls(self) -> list[dict[str, Any]]:
        """What the disk has about the calls."""
        return list(DeviceJournal.load(self.journal)._calls.values())

    async def _token(self, _refused: bool) -> str:
        await trio.lowlevel.checkpoint()
        return self._world.token

    async def _create(self, args: Mapping[str, Any]) -> Any:
        self.created.append(args["data"]["title"])
        await trio.to_thread.run_sync(self._world.kill)  # it never gets the result
        return {"id": "t9", **args["data"]}

    async def _hear(self, change: WsServerMutation) -> None:
        await trio.lowlevel.checkpoint()
        self.heard.append(change)


async def until(what: Callable[[], object]) -> None:
    """Wait until `what` is true. It is about a file, or about another process."""
    while True:
        if what():
            return
        await trio.sleep(0.02)


async def test_a_change_is_in_the_next_server_after_both_were_restarted(database: str, tmp_path: Path) -> None:
    async with opened(database, tmp_path) as world:
        world.script(create_then_hang)
        laptop, phone = Laptop(world, tmp_path / "laptop.json"), Laptop(world, tmp_path / "phone.json")
        with trio.fail_after(60):
            async with open_persistent_device(phone.started()):
                pass
            async with open_persistent_device(laptop.started()) as device:
                answer = await device.home("Remind me of the rent.")
                await until(lambda: [call for call in laptop.calls() if call.get("result")])
            await world.start()
            async with open_persistent_device(laptop.started()):
                await until(lambda: not laptop.calls())
            async with open_persistent_device(laptop.started()), open_persistent_device(phone.started()):
                await until(lambda: phone.heard)
        assert laptop.created == ["Pay the rent"]
        assert [(one.op, one.id, one.request_id) for one in phone.heard] == [("create", "t9", answer.request_id)]
        result = (await world.fetch(answer.request_id)).json()
        assert (result["status"], result["error"]["code"], result["error"]["retryable"]) == (
            "failed",
            "server_lost",
            False,
        )
        assert [(one["op"], one["id"]) for one in result["mutations"]] == [("create", "t9")]
