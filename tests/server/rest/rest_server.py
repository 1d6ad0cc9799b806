"""A REST application on a real listener, and answer pipelines that tests script."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, cast
from uuid import UUID

import httpx
import trio
from quart_trio import QuartTrio

from memory import MemoryMiddleware
from server.accounts.access import Authenticator
from server.accounts.accounts import Accounts
from server.accounts.credentials import Tokens
from server.accounts.ended_access import EndedAccess
from server.accounts.invites import Invites
from server.accounts.logins import Logins
from server.accounts.registration import Registration
from server.accounts.signed_codes import SignedCodes
from server.net.http_server import ServeLimits, serve_rest
from server.requests import ChatInput, Emit
from server.rest.app import build_app
from server.rest.services import RestLimits, RestServices
from server.telemetry.metrics import Metrics
from streaming.wire import WsFailure, WsStreamEnd, WsStreamStart, WsStreamText

USER = UUID("11111111-2222-4333-8444-555555555555")
REQUEST = UUID("99999999-2222-4333-8444-555555555555")
KEY = b"k" * 32

Script = Callable[[ChatInput, Emit], Awaitable[WsStreamEnd]]


class ScriptedRunner:
    """A `ChatRunner` that runs the test's script and records how each run ended."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self.inputs: list[ChatInput] = []
        self.started = trio.Event()
        self.cancelled = trio.Event()

    async def run(self, request: ChatInput, *, emit: Emit) -> WsStreamEnd:
        self.inputs.append(request)
        self.started.set()
        try:
            return await self._script(request, emit)
        except trio.Cancelled:
            self.cancelled.set()
            raise


def end(chat: ChatInput, status: Any = "completed", error: WsFailure | None = None, **more: Any) -> WsStreamEnd:
    return WsStreamEnd(request_id=chat.request_id, status=status, error=error, **more)


async def say_hello(chat: ChatInput, emit: Emit) -> WsStreamEnd:
    """The smallest possible answer."""
    await emit(WsStreamStart(request_id=chat.request_id, agent="task_agent"))
    await emit(WsStreamText(request_id=chat.request_id, block=0, chunk="hello"))
    return end(chat)


async def all_well() -> Mapping[str, str | None]:
    return {"database": None, "model": None}


def make_services(
    script: Script | ScriptedRunner = say_hello,
    *,
    accounts: Accounts | None = None,
    limits: RestLimits | None = None,
    readiness: Callable[[], Awaitable[Mapping[str, str | None]]] = all_well,
    tokens: Tokens | None = None,
    logins: Logins | None = None,
    registration: Registration | None = None,
    memory: MemoryMiddleware | None = None,
    access: Authenticator | None = None,
    end_access: Callable[[EndedAccess], Awaitable[None]] | None = None,
) -> RestServices:
    tokens = tokens or Tokens([KEY])
    codes = SignedCodes([KEY])
    more: dict[str, Any] = {} if end_access is None else {"end_access": end_access}
    return RestServices(
        # Most tests do not reach an account.
        accounts=accounts or cast("Accounts", object()),
        tokens=tokens,
        logins=logins or cast("Logins", object()),
        registration=registration or Registration("open", cast("Invites", object()), codes),
        codes=codes,
        metrics=Metrics(),
        readiness=readiness,
        chat=script if isinstance(script, ScriptedRunner) else ScriptedRunner(script),
        limits=limits or RestLimits(),
        memory=memory,
        access=access,
        **more,
    )


@asynccontextmanager
async def listening(app: QuartTrio | RestServices, limits: ServeLimits | None = None) -> AsyncIterator[tuple[str, int]]:
    """Serve `app` on a free loopback port, and yield its address."""
    served = build_app(app) if isinstance(app, RestServices) else app
    async with trio.open_nursery() as nursery:
        serve = partial(
            serve_rest, served, "127.0.0.1:0", shutdown_trigger=trio.sleep_forever, limits=limits or ServeLimits()
        )
        yield await nursery.start(serve)
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def client_of(
    services: RestServices, *, user: UUID | None = USER, limits: ServeLimits | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client of a server over `services`, logged in as `user`."""
    headers = {} if user is None else {"Authorization": f"Bearer {services.tokens.issue(user)[0]}"}
    async with (
        listening(services, limits) as (host, port),
        httpx.AsyncClient(base_url=f"http://{host}:{port}", headers=headers, timeout=60) as client,
    ):
        yield client


async def raw_exchange(address: tuple[str, int], request: bytes) -> bytes:
    """Send `request` and read until the server closes."""
    async with await trio.open_tcp_stream(*address) as stream:
        await stream.send_all(request)
        received = b""
        async for chunk in stream:
            received += chunk
        return received
