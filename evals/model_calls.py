"""The model's HTTP calls of an evaluation: recorded or replayed. `evals.perfect` answers them by scripts.

Each is an httpx transport for the server's model client. A recording has one file per trial, with one JSON line for
each call: `kind`, `turn`, `status`, `type` and `body`. Calls are replayed in their order by turn and kind, so a changed
prompt still replays.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final, Literal

import httpx

from evals.scenario import Scenario

Kind = Literal["route", "answer"]
EVENTS: Final = "text/event-stream"
START: Final = "start"
"""The trial of the calls that the server makes before the first scenario."""


def kind_of(body: bytes) -> Kind:
    """Whether a request chooses the agent or answers."""
    return "route" if b'"intent"' in body and b'"need"' in body and b'"tools"' not in body else "answer"


class ModelCalls(httpx.AsyncBaseTransport):
    """What every transport of this module knows: the scenario and the trial that run now."""

    def __init__(self) -> None:
        self.scenario: Scenario | None = None
        self.trial = 1
        self.turn = 0
        self._number: dict[tuple[int, Kind], int] = {}

    def begin(self, scenario: Scenario, trial: int) -> None:
        """The next calls belong to this trial."""
        self.scenario, self.trial, self.turn = scenario, trial, 0
        self._number.clear()

    def begin_turn(self, turn: int) -> None:
        """The next calls belong to this turn of the trial, from 0."""
        self.turn = turn

    def name(self) -> str:
        """The name of the trial, a path without a suffix."""
        if self.scenario is None:
            return START
        return self.scenario.id if self.trial == 1 else f"{self.scenario.id}.{self.trial}"

    def count(self, kind: Kind) -> int:
        """The number of this call among those of its kind in the trial, from 0."""
        self._number[self.turn, kind] = self._number.get((self.turn, kind), -1) + 1
        return self._number[self.turn, kind]


class Recorder(ModelCalls):
    """Calls the model and appends each whole response to the trial's file in `folder`."""

    def __init__(self, inner: httpx.AsyncBaseTransport, folder: Path) -> None:
        super().__init__()
        self._inner = inner
        self._folder = folder

    def begin(self, scenario: Scenario, trial: int) -> None:
        """See `ModelCalls.begin`. An older recording of the trial is removed."""
        super().begin(scenario, trial)
        if isinstance(self._inner, ModelCalls):
            self._inner.begin(scenario, trial)
        (self._folder / f"{self.name()}.jsonl").unlink(missing_ok=True)

    def begin_turn(self, turn: int) -> None:
        """See `ModelCalls.begin_turn`."""
        super().begin_turn(turn)
        if isinstance(self._inner, ModelCalls):
            self._inner.begin_turn(turn)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See `httpx.AsyncBaseTransport`."""
        kind = kind_of(await request.aread())
        given = await self._inner.handle_async_request(request)
        kept = bytearray()
        entry = {"kind": kind, "turn": self.turn, "status": given.status_code}
        entry["type"] = given.headers.get("content-type", "")
        file = self._folder / f"{self.name()}.jsonl"

        def keep() -> None:
            file.parent.mkdir(parents=True, exist_ok=True)
            line = json.dumps({**entry, "body": bytes(kept).decode(errors="replace")}, ensure_ascii=False)
            with file.open("a", encoding="utf-8") as opened:
                opened.write(line + "\n")

        return httpx.Response(
            given.status_code,
            headers=given.headers,
            stream=_KeptStream(given, kept, keep),
            extensions=given.extensions,
        )

    async def aclose(self) -> None:
        """Close the model's connections."""
        await self._inner.aclose()


class _KeptStream(httpx.AsyncByteStream):
    """A response's bytes, unchanged. Writes the recording before the last byte is reported as the end."""

    def __init__(self, response: httpx.Response, kept: bytearray, keep: Callable[[], None]) -> None:
        self._response = response
        self._kept = kept
        self._keep = keep

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if not isinstance(self._response.stream, httpx.AsyncByteStream):
            raise TypeError("the response has no asynchronous stream")
        async for data in self._response.stream:
            self._kept += data
            yield data

    async def aclose(self) -> None:
        self._keep()
        await self._response.aclose()


class Replay(ModelCalls):
    """Answers from the recordings in `folder`. A call that was not recorded gets HTTP 404."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._entries: list[dict[str, Any]] = []

    def begin(self, scenario: Scenario, trial: int) -> None:
        """See `ModelCalls.begin`."""
        super().begin(scenario, trial)
        file = self._folder / f"{self.name()}.jsonl"
        lines = file.read_text("utf-8").splitlines() if file.is_file() else []
        self._entries = [json.loads(line) for line in lines]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See `httpx.AsyncBaseTransport`."""
        kind = kind_of(await request.aread())
        number = self.count(kind)
        found = [entry for entry in self._entries if (entry["kind"], entry["turn"]) == (kind, self.turn)]
        if number >= len(found):
            return refusal(
                404, f"No {kind} call number {number + 1} of turn {self.turn + 1} of {self.name()} is recorded."
            )
        entry = found[number]
        return response(entry["status"], entry["type"], entry["body"])


def refusal(status: int, message: str) -> httpx.Response:
    """An error of an OpenAI-compatible server."""
    error = {"error": {"message": message, "type": "invalid_request_error"}}
    return response(status, "application/json", json.dumps(error))


def response(status: int, content_type: str, body: str) -> httpx.Response:
    """A response that is streamed in one piece."""
    return httpx.Response(status, headers={"content-type": content_type}, stream=_Bytes(body.encode()))


class _Bytes(httpx.AsyncByteStream):
    def __init__(self, data: bytes) -> None:
        self._data = data

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._data
