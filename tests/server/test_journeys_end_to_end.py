"""A journey between time zones, for an application that stores days as numbers."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from client.terminal.connection import open_connection
from client.terminal.store import DeviceStore
from client.terminal.tools import DeviceTools
from person import Calendar
from streaming.wire import WsLocale, WsStreamEnd, WsStreamText, WsToolCall
from tests.server.tessera import open_tessera

DEMO: dict[str, Any] = {"model_url": "", "model_name": "", "demo_pace_s": 0}


def at(local: str, zone: str) -> Callable[[], float]:
    """A clock that stands at a local time."""
    moment = datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(zone)).timestamp()
    return lambda: moment


async def test_a_local_midnight_is_the_same_day_after_a_journey(database: str) -> None:
    berlin = Calendar(ZoneInfo("Europe/Berlin"))
    rent = {"id": "t1", "title": "Rent", "status": "todo", "dueDate": berlin.start_of(date(2026, 3, 10))}
    store = DeviceStore(None, {"task": [rent]}, lambda: berlin)
    locale = WsLocale(time_zone="Europe/Berlin")
    async with (
        open_tessera(database, clock=at("2026-03-10T08:00", "America/New_York"), **DEMO) as tessera,
        tessera.device(tools=DeviceTools(store).table(), locale=locale, dates="local_midnight") as device,
    ):
        await device.send_raw(json.dumps({"type": "locale_changed", "locale": {"time_zone": "America/New_York"}}))
        shown = await device.home("show my tasks as a table")
        await shown.finish()
        assert "(due today)" in shown.text
        overdue = await device.home("what is overdue?")
        await overdue.finish()
        assert "no open tasks that are overdue" in overdue.text


async def test_a_journey_does_not_change_the_days_of_a_running_request(database: str) -> None:
    """The call was sent in Auckland, and its result comes from Los Angeles: the days of both are those of Auckland."""
    auckland = Calendar(ZoneInfo("Pacific/Auckland"))
    midnight = auckland.start_of(date(2026, 3, 10))
    async with (
        open_tessera(database, clock=at("2026-03-09T12:00", "Pacific/Auckland"), **DEMO) as tessera,
        open_connection(tessera.ws_url) as connection,
    ):
        account = await tessera.account()

        async def send(type_: str, **fields: Any) -> None:
            await connection.send_raw(json.dumps({"type": type_, **fields}))

        await send(
            "device_hello",
            token=account.access_token,
            device_id="6f1d3c1e-2a53-4a6e-9d55-0a0d3f9a7b02",
            protocol_versions=[3],
            client={"name": "n", "version": "1", "platform": "p"},
            locale={"time_zone": "Pacific/Auckland"},
            dates="local_midnight",
        )
        await send("home_request", message="create a task called Water the plants due tomorrow")
        text, end = "", None
        while end is None:
            frame = await connection.receive()
            if isinstance(frame, WsToolCall):
                assert frame.args["data"]["dueDate"] == midnight
                await send("locale_changed", locale={"time_zone": "America/Los_Angeles"})
                await send("tool_result", call_id=str(frame.call_id), ok=True, data={"id": "t1", **frame.args["data"]})
            elif isinstance(frame, WsStreamText):
                text += frame.chunk
            elif isinstance(frame, WsStreamEnd):
                end = frame
        assert "(due tomorrow)" in text
        assert end.locale is not None
        assert end.locale.time_zone == "Pacific/Auckland"
        assert [one.data["dueDate"] for one in end.mutations if one.data is not None] == [midnight]
        await send("home_request", message="create a task called Water the plants due tomorrow")
        while not isinstance(frame := await connection.receive(), WsToolCall):
            pass
        los_angeles = Calendar(ZoneInfo("America/Los_Angeles"))
        assert frame.args["data"]["dueDate"] == los_angeles.start_of(date(2026, 3, 9)), "it is the 8th there"
