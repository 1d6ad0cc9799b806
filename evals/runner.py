"""Runs one trial of a scenario: a new person, what the server knows about them, a device, and their messages."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final
from uuid import uuid4

import httpx
import trio

from client.terminal.answer import Answer, RequestRefusedError
from client.terminal.connection import ConnectError, ConnectionLostError, ProtocolError
from client.terminal.device import Device, open_device
from evals.device import SimulatedDevice
from evals.model_calls import ModelCalls
from evals.observed import ShownTurn, Trial
from evals.scenario import Change, Scenario, Turn
from streaming.wire import WsLocale, WsStreamBlock, WsStreamStart, WsStreamText

_PASSWORD: Final = "a password for one trial"  # noqa: S105 - an account that one trial uses
_LEARN_S: Final = 10.0
_POLL_S: Final = 0.05
BROKEN = (httpx.HTTPError, ConnectError, ConnectionLostError, ProtocolError, OSError)
"""What makes a trial invalid. It says nothing about the model."""


class TrialRunner:
    """Runs trials one after another on one server. `rest` has its REST address as base URL.

    `deadline_s` limits one answer, in seconds.
    """

    def __init__(self, ws_url: str, rest: httpx.AsyncClient, models: ModelCalls | None, *, deadline_s: float) -> None:
        self._ws_url = ws_url
        self._client = rest
        self._models = models
        self._deadline_s = deadline_s
        self._shared: str | None = None

    async def run(self, scenario: Scenario, number: int) -> Trial:
        """One trial. A fault of the evaluation is reported in `Trial.broken`."""
        items = scenario.items()
        trial = Trial(scenario.id, number, items)
        simulated = SimulatedDevice(scenario, items)
        if self._models is not None:
            self._models.begin(scenario, number)
        try:
            for memory in scenario.others:
                other = await self._person()
                await self._remember(other, memory.preferences, memory.changes)
            person = await self._person_for(scenario)
            await self._remember(person, scenario.preferences(), scenario.person.memory.changes)
            async with self._connected(scenario, person, simulated) as device:
                for index, turn in enumerate(scenario.turns):
                    simulated.turn = index
                    if self._models is not None:
                        self._models.begin_turn(index)
                    with trio.fail_after(self._deadline_s):
                        trial.turns.append(await self._turn(scenario, person, device, simulated, turn))
                    if not await self._learned(person, turn.learns):
                        trial.notes.append(f"after {_LEARN_S:g} s, memory has not learned {turn.learns}")
            if person == self._shared:
                (await self._client.delete("/api/v1/memory", headers=_bearer(person))).raise_for_status()
        except BROKEN as error:
            trial.broken = f"{type(error).__name__}: {error}"
        except trio.TooSlowError:
            trial.broken = f"An answer took longer than {self._deadline_s:g} s."
        trial.after = simulated.items()
        trial.calls, trial.changes = simulated.calls, simulated.changes
        return trial

    async def _person(self) -> str:
        """The access token of a new person. Waits when the server limits registrations."""
        while True:
            body = {"email": f"{uuid4().hex}@example.com", "password": _PASSWORD}
            response = await self._client.post("/api/v1/auth/register", json=body)
            if response.status_code != httpx.codes.TOO_MANY_REQUESTS:
                response.raise_for_status()
                return str(response.json()["access_token"])
            await trio.sleep(float(response.headers.get("retry-after", 1)))

    async def _person_for(self, scenario: Scenario) -> str:
        """A new person if the scenario is about memory. Otherwise the shared one, because registering is slow."""
        if scenario.needs_own_person:
            return await self._person()
        if self._shared is None:
            self._shared = await self._person()
        return self._shared

    async def _remember(self, person: str, preferences: dict[str, str], changes: list[Change]) -> None:
        for key, value in preferences.items():
            await self._rest(person, "PUT", f"/api/v1/memory/core/{key}", {"value": value})
        if changes:
            async with open_device(self._ws_url, person) as device:
                for change in changes:
                    await device.mutate(change.op, change.entity, change.id, change.data, mutation_id=uuid4())
                    await device.receive()  # the acknowledgement: the change is stored

    @asynccontextmanager
    async def _connected(
        self, scenario: Scenario, person: str, simulated: SimulatedDevice
    ) -> AsyncIterator[Device | None]:
        if scenario.device.offline:
            yield None
            return
        async with open_device(
            self._ws_url,
            person,
            tools=simulated.tools(),
            on_approval=simulated.approve,
            locale=_locale(scenario),
            dates="date",
        ) as device:
            yield device

    async def _turn(
        self, scenario: Scenario, person: str, device: Device | None, simulated: SimulatedDevice, turn: Turn
    ) -> ShownTurn:
        if device is None:
            return await self._over_rest(scenario, person, turn)
        began = trio.current_time()
        if turn.popup is not None:
            answer = await device.popup(turn.say, turn.popup)
        else:
            answer = await device.home(turn.say, history=turn.history, conversation_id=turn.conversation)
        simulated.stop = answer.cancel
        first_text_s = None
        try:
            async for frame in answer:
                if first_text_s is None and isinstance(frame, WsStreamText | WsStreamBlock):
                    first_text_s = trio.current_time() - began
        except RequestRefusedError as error:
            return ShownTurn(turn.say, f"refused:{error.code.value}", end_s=trio.current_time() - began)
        return _shown(turn, answer, first_text_s, trio.current_time() - began)

    async def _over_rest(self, scenario: Scenario, person: str, turn: Turn) -> ShownTurn:
        began = trio.current_time()
        body: dict[str, Any] = {"message": turn.say, "locale": _locale(scenario).model_dump(exclude_none=True)}
        if turn.popup is not None:
            body |= {"mode": "popup", "scope": turn.popup.model_dump(exclude_none=True)}
        answer = await self._rest(person, "POST", "/api/v1/chat", body, refusals=True)
        blocks = answer.get("blocks", [])
        usage = answer.get("usage") or {}
        error = answer.get("error")
        return ShownTurn(
            turn.say,
            f"failed:{error['code']}" if error else str(answer.get("status", "failed")),
            "\n\n".join(block["content"] for block in blocks if block.get("content") is not None),
            [{"type": block["block_type"], "data": block["data"]} for block in blocks if block.get("data") is not None],
            [(change["op"], change["entity"], change["id"]) for change in answer.get("mutations", [])],
            answer.get("agent"),
            usage.get("input_tokens", 0),
            usage.get("output_tokens", 0),
            usage.get("cached_tokens") or 0,
            None,
            trio.current_time() - began,
        )

    async def _learned(self, person: str, preferences: Mapping[str, str]) -> bool:
        """Wait until memory has the preferences. False if that takes too long, because memory has not understood."""
        with trio.move_on_after(_LEARN_S):
            while not await self._knows(person, preferences):  # noqa: ASYNC110 - another process may store it
                await trio.sleep(_POLL_S)
            return True
        return False

    async def _knows(self, person: str, preferences: Mapping[str, str]) -> bool:
        if not preferences:
            return True
        response = await self._client.get("/api/v1/memory", headers=_bearer(person))
        items = [json.loads(line) for line in response.text.splitlines()]
        core = {item.get("key"): str(item.get("value")).casefold() for item in items if item.get("tier") == "core"}
        return all(core.get(key) == value.casefold() for key, value in preferences.items())

    async def _rest(
        self, person: str, method: str, path: str, body: dict[str, Any], *, refusals: bool = False
    ) -> dict[str, Any]:
        response = await self._client.request(method, path, json=body, headers=_bearer(person))
        if not refusals:
            response.raise_for_status()
        found: dict[str, Any] = response.json()
        return found


def _bearer(person: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {person}"}


def _locale(scenario: Scenario) -> WsLocale:
    return WsLocale(time_zone=scenario.person.zone, language=scenario.person.locale)


def _shown(turn: Turn, answer: Answer, first_text_s: float | None, end_s: float) -> ShownTurn:
    end = answer.end
    if end is None:
        raise ProtocolError("the answer ended without stream_end")
    outcome = end.status if end.error is None else f"failed:{end.error.code.value}"
    usage = end.usage
    start = next((frame for frame in answer.frames if isinstance(frame, WsStreamStart)), None)
    return ShownTurn(
        turn.say,
        outcome,
        answer.text,
        [{"type": block.block_type, "data": block.data} for block in answer.blocks],
        [(change.op, change.entity, change.id) for change in end.mutations],
        None if start is None else start.agent,
        0 if usage is None else usage.input_tokens,
        0 if usage is None else usage.output_tokens,
        0 if usage is None else getattr(usage, "cached_tokens", None) or 0,
        first_text_s,
        end_s,
    )
