"""The person's day in every zone: one answer never names two days for one task.

The whole server runs once, in a thread, with a clock that the tests set. Each test is a person who makes a task that is
due tomorrow, and looks at it in every way.
"""

from __future__ import annotations

import json
import queue
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
import trio

from client.terminal.account import SignIn
from client.terminal.answer import Answer
from client.terminal.connection import ConnectionLostError, open_connection
from client.terminal.device import Device
from client.terminal.store import DeviceStore
from client.terminal.tools import DeviceTools
from person import Calendar, DayForm
from streaming.wire import WsError, WsLocale, WsScope, WsStreamEnd
from tests.database import new_database
from tests.server.tessera import Tessera, open_tessera

HOURS = ("00:30", "12:00", "23:30")
ZONES = [
    ("America/New_York", "2026-03-09"),
    ("Pacific/Auckland", "2026-03-09"),
    ("Asia/Kathmandu", "2026-03-09"),
    ("Europe/Berlin", "2026-03-28"),  # tomorrow has 23 hours
    ("Europe/Berlin", "2026-03-29"),
    ("Europe/Berlin", "2026-10-24"),  # tomorrow has 25 hours
    ("Europe/Berlin", "2026-10-25"),
    ("UTC", "2026-03-09"),
]
FORMS: list[tuple[str, str, DayForm]] = [
    *((zone, day, "date") for zone, day in ZONES),
    ("America/New_York", "2026-03-09", "local_midnight"),
    ("America/New_York", "2026-03-09", "utc_midnight"),
    ("Europe/Berlin", "2026-03-28", "local_midnight"),
    ("Europe/Berlin", "2026-10-24", "utc_midnight"),
    ("Pacific/Auckland", "2026-03-09", "local_midnight"),
]


@dataclass
class Server:
    """The running server, in its thread. `now` is the time that it calls now, in seconds since the epoch."""

    tessera: Tessera | None = None
    now: float = 0
    token: trio.lowlevel.TrioToken | None = None
    started: queue.Queue[BaseException | None] = field(default_factory=queue.Queue)

    async def run(self, database: str) -> None:
        try:
            async with open_tessera(
                database, clock=lambda: self.now, model_url="", model_name="", demo_pace_s=0
            ) as tessera:
                self.tessera, self.token = tessera, trio.lowlevel.current_trio_token()
                self.started.put(None)
                await tessera.stop.wait()
        except BaseException as error:
            self.started.put(error)
            raise

    def serve(self, database: str) -> None:
        trio.run(self.run, database)


@pytest.fixture(scope="module")
def server(postgres: str) -> Iterator[Server]:
    with new_database(postgres) as database:
        running = Server()
        thread = threading.Thread(target=running.serve, args=(database,))
        thread.start()
        failure = running.started.get(timeout=60)
        assert failure is None, failure
        assert running.tessera is not None
        assert running.token is not None
        yield running
        trio.from_thread.run_sync(running.tessera.stop.set, trio_token=running.token)
        thread.join(timeout=60)


@dataclass
class Person:
    """Somebody in a time zone, with one device."""

    server: Server
    calendar: Calendar
    account: SignIn
    device: Device
    store: DeviceStore

    async def ask(self, message: str) -> Answer:
        answer = await self.device.home(message)
        await finish(answer)
        return answer

    def block(self, answer: Answer, kind: str) -> dict[str, Any]:
        (found,) = [frame.data for frame in answer.blocks if frame.block_type == kind]
        return found

    def it_is(self, local: str) -> None:
        """Set the server's clock to a local time."""
        self.server.now = datetime.fromisoformat(local).replace(tzinfo=self.calendar.zone).timestamp()

    async def memories(self) -> str:
        headers = {"Authorization": f"Bearer {self.account.access_token}"}
        assert self.server.tessera is not None
        async with httpx.AsyncClient(base_url=self.server.tessera.rest_url, trust_env=False) as client:
            return (await client.get("/api/v1/memory", headers=headers)).text


async def finish(answer: Answer) -> WsStreamEnd:
    end = await answer.finish()
    assert end.status == "completed", end
    return end


def days_in(value: Any) -> set[str]:
    return set(re.findall(r"\d{4}-\d{2}-\d{2}", json.dumps(value)))


def days_in_words(value: Any) -> set[str]:
    """The days as memory writes them for people: `Tuesday 10 March 2026`."""
    return set(re.findall(r"[A-Z][a-z]+day \d{1,2} [A-Z][a-z]+ \d{4}", json.dumps(value)))


def without_times(record: dict[str, Any]) -> dict[str, Any]:
    """A memory without the times at which it was made and said."""
    return {name: value for name, value in record.items() if name not in {"created_at", "updated_at", "when"}}


def cases() -> list[Any]:
    return [
        pytest.param(zone, f"{day}T{hour}", form, id=f"{zone.split('/')[-1]}-{day}-{hour}-{form}")
        for zone, day, form in FORMS
        # The form changes only the stored value, so one hour of each is enough.
        for hour in (HOURS if form == "date" else HOURS[-1:])
    ]


@pytest.mark.parametrize(("zone", "local", "form"), cases())
async def test_a_task_due_tomorrow_is_due_on_one_day_everywhere(
    server: Server, zone: str, local: str, form: DayForm
) -> None:
    calendar = Calendar(ZoneInfo(zone))
    tomorrow = date.fromisoformat(local[:10]) + timedelta(days=1)
    stored = {
        "date": tomorrow.isoformat(),
        "local_midnight": calendar.start_of(tomorrow),
        "utc_midnight": Calendar(ZoneInfo("UTC")).start_of(tomorrow),
    }[form]
    tessera = server.tessera
    assert tessera is not None
    account = await tessera.account()
    store = DeviceStore(None, {"task": [], "project": [], "note": [], "checkpoint": []}, lambda: calendar)
    async with tessera.device(
        account, tools=DeviceTools(store).table(), locale=WsLocale(time_zone=zone), dates=form
    ) as device:
        person = Person(server, calendar, account, device, store)
        person.it_is(local)

        created = await person.ask("create a task called Water the plants due tomorrow")
        (task,) = store.list("task")[0]
        assert task["dueDate"] == stored
        assert "(due tomorrow)" in created.text
        assert person.block(created, "entity_ref")["items"] == [task], "a card has the item as the device stores it"
        assert created.end is not None
        assert created.end.locale is not None
        assert (created.end.locale.time_zone, created.end.locale.time_zone_source) == (zone, "device")
        assert [one.data for one in created.end.mutations] == [task]

        tabled = await person.ask("show my tasks as a table")
        assert "(due tomorrow)" in tabled.text
        assert days_in(person.block(tabled, "table")["rows"]) == {tomorrow.isoformat()}

        charted = await person.ask("line chart of my tasks by day")
        assert person.block(charted, "chart")["data"] == [{"dueDate": tomorrow.isoformat(), "count": 1}]

        timed = await person.ask("show my tasks on a timeline")
        assert [point["date"] for point in person.block(timed, "timeline")["checkpoints"]] == [stored]

        opened = await device.popup("what is this?", WsScope(type="task", id=task["id"]))
        await finish(opened)
        assert "(due tomorrow)" in opened.text

        assert "Water the plants" in (await person.ask("what is due tomorrow?")).text
        remembered = [json.loads(line) for line in (await person.memories()).splitlines()]
        assert days_in([without_times(one) for one in remembered]) == {tomorrow.isoformat()}
        assert days_in_words(remembered) == {f"{tomorrow:%A %d %B %Y}"}
        said = {one["when"][:10] for one in remembered if one.get("source") == "episode"}
        assert said == {local[:10]}, "what was said has the person's day"

        person.it_is(f"{tomorrow}T23:30")
        assert "no open tasks that are overdue" in (await person.ask("what is overdue?")).text
        person.it_is(f"{tomorrow + timedelta(days=1)}T00:30")
        late = (await person.ask("what is overdue?")).text
        assert "Water the plants" in late
        assert "(due yesterday)" in late


async def test_a_journey_changes_what_today_is(server: Server) -> None:
    tessera = server.tessera
    assert tessera is not None
    account = await tessera.account()
    store = DeviceStore(None, {"task": [{"id": "t1", "title": "Board", "status": "todo", "dueDate": "2026-03-10"}]})
    new_york = WsLocale(time_zone="America/New_York")
    async with tessera.device(account, tools=DeviceTools(store).table(), locale=new_york) as device:
        person = Person(server, Calendar(ZoneInfo("America/New_York")), account, device, store)
        person.it_is("2026-03-09T20:30")
        assert "(due tomorrow)" in (await person.ask("show my tasks as a table")).text
        await device.send_raw(json.dumps({"type": "locale_changed", "locale": {"time_zone": "Pacific/Auckland"}}))
        arrived = await person.ask("show my tasks as a table")
        assert "(due today)" in arrived.text
        assert arrived.end is not None
        assert arrived.end.locale is not None
        assert arrived.end.locale.time_zone == "Pacific/Auckland"
        await device.send_raw(json.dumps({"type": "locale_changed", "locale": {"time_zone": "Mars/Base"}}))
        error = await device.receive()
        assert isinstance(error, WsError)
        assert error.message.startswith("locale_changed.locale.time_zone: not a time zone")
        assert "(due today)" in (await person.ask("show my tasks as a table")).text


async def locale_of(device: Device) -> dict[str, Any]:
    """The locale of an answer to the device."""
    end = await finish(await device.home("hello"))
    assert end.locale is not None
    return end.locale.model_dump(exclude_none=True)


async def test_without_a_locale_the_zone_is_that_of_core_memory_and_else_utc(server: Server) -> None:
    tessera = server.tessera
    assert tessera is not None
    account = await tessera.account()
    headers = {"Authorization": f"Bearer {account.access_token}"}
    store = DeviceStore(None, {"task": [{"id": "t1", "title": "Board", "status": "todo", "dueDate": "2026-03-10"}]})
    server.now = datetime.fromisoformat("2026-03-09T20:30:00-04:00").timestamp()
    async with (
        tessera.device(account, tools=DeviceTools(store).table()) as device,
        httpx.AsyncClient(base_url=tessera.rest_url, trust_env=False, headers=headers) as client,
    ):
        assert await locale_of(device) == {"time_zone": "UTC", "time_zone_source": "default", "week_start": "monday"}
        for key, value in (("time_zone", "America/New_York"), ("week_start", "Sunday")):
            (await client.put(f"/api/v1/memory/core/{key}", json={"value": value})).raise_for_status()
        remembered = {"time_zone": "America/New_York", "time_zone_source": "memory", "week_start": "sunday"}
        assert await locale_of(device) == remembered
        answer = await device.home("show my tasks as a table")
        await finish(answer)
        assert "(due tomorrow)" in answer.text
        popup = await device.popup("what is this?", WsScope(type="task", id="t1"))
        end = await finish(popup)
        assert "(due tomorrow)" in popup.text
        assert end.locale is not None
        assert end.locale.time_zone_source == "memory"


async def test_a_rest_request_says_its_locale(server: Server) -> None:
    tessera = server.tessera
    assert tessera is not None
    account = await tessera.account()
    headers = {"Authorization": f"Bearer {account.access_token}"}
    async with httpx.AsyncClient(base_url=tessera.rest_url, trust_env=False, headers=headers) as client:

        async def ask(locale: dict[str, Any] | None, language: str = "*") -> httpx.Response:
            body = {"message": "hello"} | ({} if locale is None else {"locale": locale})
            return await client.post("/api/v1/chat", json=body, headers={"Accept-Language": language})

        kathmandu = {"time_zone": "asia/kathmandu"}
        assert (await ask(kathmandu, "fr;q=0.5, en-US")).json()["locale"] == {
            "time_zone": "Asia/Kathmandu",
            "time_zone_source": "request",
            "language": "en-US",
            "week_start": "sunday",
        }
        for header in ("../../etc", "x" * 3_000, "de_DE.UTF-8 hello <b>", "en;q=0"):
            assert "language" not in (await ask(kathmandu, header)).json()["locale"]
            assert (await ask(kathmandu, f"{header}, de;q=0.1")).json()["locale"]["language"] == "de"
        stated = kathmandu | {"language": "de-AT", "week_start": 6, "hour_cycle": "h23"}
        assert (await ask(stated, "en-US")).json()["locale"] == {
            "time_zone": "Asia/Kathmandu",
            "time_zone_source": "request",
            "language": "de-AT",
            "week_start": "saturday",
            "hour_cycle": "h23",
        }
        assert (await ask(None)).json()["locale"]["time_zone_source"] == "default"
        async with tessera.device(account, locale=WsLocale(time_zone="Europe/Berlin")):
            found = (await ask(None)).json()["locale"]
            assert (found["time_zone"], found["time_zone_source"]) == ("Europe/Berlin", "device")
        faults: list[tuple[dict[str, Any], str]] = [
            ({"time_zone": "Mars/Base"}, "locale.time_zone: not a time zone of the IANA database"),
            ({"time_zone": "UTC", "language": "de_AT"}, "locale.language: "),
            ({"time_zone": "UTC", "week_start": 8}, "locale.week_start: "),
            ({"time_zone": "UTC", "hour_cycle": "h25"}, "locale.hour_cycle: "),
        ]
        for wrong, sentence in faults:
            refused = await ask(wrong)
            assert refused.status_code == 422
            assert refused.json()["error"]["message"].startswith(sentence)
            assert "Mars" not in refused.text
        assert (await ask({})).json()["locale"]["time_zone_source"] == "default"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"locale": {"time_zone": "Mars/Base"}}, "device_hello.locale.time_zone: not a time zone"),
        ({"dates": "local_midnight"}, "device_hello: dates: local_midnight needs locale.time_zone"),
        ({"dates": "noon"}, "device_hello.dates: "),
    ],
)
async def test_a_hello_with_a_wrong_locale_is_refused_by_name(
    server: Server, fields: dict[str, Any], reason: str
) -> None:
    assert server.tessera is not None
    async with open_connection(server.tessera.ws_url) as connection:
        hello = {
            "type": "device_hello",
            "token": "t",
            "device_id": "6f1d3c1e-2a53-4a6e-9d55-0a0d3f9a7b01",
            "protocol_versions": [3],
            "client": {"name": "n", "version": "1", "platform": "p"},
        }
        await connection.send_raw(json.dumps(hello | fields))
        with pytest.raises(ConnectionLostError) as lost:
            await connection.receive()
    assert lost.value.code == 4500
    assert reason in lost.value.reason
