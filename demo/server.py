"""The demo model over HTTP: `/v1/models` and `/v1/chat/completions`, on loopback.

When a client disconnects, quart-trio cancels the request's task, which ends the answer.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import trio
from quart import Response, request
from quart_trio import QuartTrio

from demo.completion import Completion
from demo.model import respond
from demo.request import InvalidRequestError, parse_request

MODEL_NAME = "tessera-demo"
_MAX_BODY_BYTES = 16 * 2**20


@dataclass(frozen=True, slots=True)
class DemoConfig:
    """`pace_s` is the pause before each write of a stream, in seconds. `replay` is a recorded stream that replaces
    every streamed answer, byte for byte, with `replay_chunk` bytes per write.
    """

    bind: str = "127.0.0.1:0"
    pace_s: float = 0.02
    replay: Path | None = None
    replay_chunk: int = 64


class Serve(Protocol):
    """Serves an application on `bind` until cancelled, and reports the address it listens on."""

    async def __call__(self, app: QuartTrio, bind: str, *, task_status: trio.TaskStatus[tuple[str, int]]) -> None: ...


async def serve_demo_model(
    config: DemoConfig,
    serve: Serve,
    *,
    wall_clock: Callable[[], float] = time.time,
    task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until cancelled. Reports the base URL, `http://127.0.0.1:<port>/v1`.

    Raises OSError if the address cannot be bound or the replay cannot be read.
    """
    recorded = await trio.Path(config.replay).read_bytes() if config.replay is not None else None
    writes = None
    if recorded is not None:
        size = config.replay_chunk
        writes = [recorded[at : at + size] for at in range(0, len(recorded), size)]
    app = build_demo_app(writes, partial(trio.sleep, config.pace_s), wall_clock)
    async with trio.open_nursery() as nursery:
        host, port = await nursery.start(serve, app, config.bind)
        task_status.started(f"http://{f'[{host}]' if ':' in host else host}:{port}/v1")


def build_demo_app(
    recorded: Sequence[bytes] | None, pause: Callable[[], Awaitable[None]], wall_clock: Callable[[], float]
) -> QuartTrio:
    """The application. It awaits `pause` before each write of a stream; `recorded` replaces every stream."""
    app = QuartTrio("demo")
    app.config["MAX_CONTENT_LENGTH"] = _MAX_BODY_BYTES

    @app.get("/v1/models")
    async def models() -> dict[str, object]:
        return {"object": "list", "data": [{"id": MODEL_NAME, "object": "model", "created": 0, "owned_by": "tessera"}]}

    @app.post("/v1/chat/completions")
    async def chat_completions() -> Response | dict[str, object]:
        asked = parse_request(await request.get_data(as_text=False))
        if asked.stream and recorded is not None:
            return _stream(recorded, pause)
        now = wall_clock()
        completion = Completion(asked, respond(asked, now_ms=int(now * 1000)), created=int(now))
        return _stream(completion.events(), pause) if asked.stream else completion.whole()

    @app.errorhandler(InvalidRequestError)
    async def invalid(error: InvalidRequestError) -> tuple[dict[str, object], int]:
        return _refusal(str(error)), 400

    @app.errorhandler(404)
    async def unknown(_error: Exception) -> tuple[dict[str, object], int]:
        return _refusal("This server has /v1/models and /v1/chat/completions."), 404

    return app


def _stream(writes: Iterable[bytes], pause: Callable[[], Awaitable[None]]) -> Response:
    async def body() -> AsyncIterator[bytes]:
        for data in writes:
            await pause()
            yield data

    response = Response(body(), content_type="text/event-stream", headers={"Cache-Control": "no-cache"})
    response.timeout = None
    return response


def _refusal(message: str) -> dict[str, object]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}}
