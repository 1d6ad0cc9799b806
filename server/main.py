"""The composition of the server: what is opened, in which order, who is given what, and how it all ends.

Nothing here decides anything about a request; every part is opened here and handed down.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import structlog
import trio

from agents.limits import AgentLimits
from agents.model import Models
from agents.orchestrator import Orchestrator
from memory.keys import KeyRing
from memory.middleware import MemoryMiddleware
from server.accounts import Accounts
from server.answering import Answering, AnswerLimits
from server.auth import TOKEN_LABEL, Passwords, Tokens
from server.database import Database, open_database
from server.devices import DeviceRegistry, ToolTimeouts
from server.gate import DeviceGate
from server.memory import open_memory, user_keys
from server.metrics import Metrics
from server.models import OpenModels, open_models
from server.origins import AllowedOrigins
from server.remembering import Remembering
from server.rest.app import build_app
from server.rest.playground import Playground, read_page
from server.rest.readiness import ReadinessChecks
from server.rest.serve import ServeLimits, serve_rest
from server.rest.services import RestLimits, RestServices
from server.session_limits import SessionLimits
from server.settings import Settings, parse_bind
from server.state import first_master_key, master_keys, prepare_state_dir
from server.token_budget import TokenBudget
from server.websocket import DEVICE_PATH, serve_device_sockets
from sql.statements import Statements
from streaming.llm import open_http_client
from streaming.recorder import RecordedModel

log = structlog.get_logger(__name__)

# Argon2 takes 64 MiB and a core for tens of milliseconds: as many at once as any machine carries.
_PASSWORD_THREADS: Final = 2
_TOOL_SHARE: Final = 0.8
# What is left after the grace period gets this long to send its close frame or its last bytes.
_CLOSE_TIMEOUT_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Running:
    """Where a started server is reached, and what it uses."""

    ws_url: str
    rest_url: str
    model: str
    database: str
    memory: str
    playground: str | None
    generated_key_file: Path | None


@dataclass(frozen=True, slots=True)
class _Parts:
    answering: Answering
    gate: DeviceGate
    registry: DeviceRegistry
    rest: RestServices
    remembering: Remembering


async def serve(
    settings: Settings, *, stop: trio.Event, task_status: trio.TaskStatus[Running] = trio.TASK_STATUS_IGNORED
) -> None:
    """Run the server until `stop` is set, then drain and return.

    Raises `OSError` when an address can't be bound or the database can't be reached, `server.settings.SettingsError`
    when the kept master key can't be used or is gone, and `server.memory.KEY_FAULTS` when the users' keys don't open
    with it.
    """
    prepare_state_dir(settings.state_dir)
    found_keys = master_keys(settings)
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(settings))
        # One client for all model calls, so that connections to the model stay open between requests.
        client = await stack.enter_async_context(open_http_client(settings.http_transport))
        # What does not stream goes by httpx's own transport.
        embedding_client = await stack.enter_async_context(open_http_client("httpx"))
        async with trio.open_nursery() as nursery:
            models = await open_models(settings, client, nursery)
            metrics = Metrics()
            statements = Statements.load()
            keys, key_file = found_keys or await first_master_key(settings, database.pool, statements)
            users = user_keys(settings, keys)
            memory = await open_memory(
                settings, database.pool, statements, users, embedding_client, metrics, models.memory
            )
            tokens = Tokens(KeyRing(keys).derive(TOKEN_LABEL), lifetime_s=settings.access_token_ttl_s)
            passwords = Passwords(trio.CapacityLimiter(_PASSWORD_THREADS))
            accounts = Accounts(database.pool, statements, passwords, users)
            parts = _compose(settings, database, models, memory.middleware, metrics, tokens, accounts)
            origins = AllowedOrigins(settings.allowed_origins)
            nursery.start_soon(parts.remembering.run)
            nursery.start_soon(memory.upkeep.run)
            serve_sockets = partial(
                serve_device_sockets,
                parts.gate.serve,
                *parse_bind(settings.ws_bind),
                max_message_bytes=settings.max_frame_bytes,
                origin_allowed=origins.allows,
                max_sockets=settings.max_sockets,
            )
            rest_done = trio.Event()
            grace_s = settings.drain_grace_s + _CLOSE_TIMEOUT_S
            ws_address = await _listen(nursery, "TESSERA_WS_BIND", settings.ws_bind, serve_sockets)
            playground = _playground(settings, ws_address)
            rest = replace(parts.rest, origins=origins, playground=playground)
            serve_http = partial(_serve_rest, rest, settings.http_bind, stop.wait, grace_s, rest_done)
            rest_address = await _listen(nursery, "TESSERA_HTTP_BIND", settings.http_bind, serve_http)
            if playground is not None:
                origins.admit_page(*rest_address)
            task_status.started(
                Running(
                    ws_url=f"ws://{_host_port(ws_address)}{DEVICE_PATH}",
                    rest_url=f"http://{_host_port(rest_address)}",
                    model=models.description,
                    database=database.description,
                    memory=memory.description,
                    playground=_describe_page(playground, rest_address),
                    generated_key_file=key_file,
                )
            )
            await stop.wait()
            await _drain(parts, rest_done, settings.drain_grace_s)
            nursery.cancel_scope.cancel()
    log.info("stopped")


def _compose(
    settings: Settings,
    database: Database,
    models: OpenModels,
    memory: MemoryMiddleware,
    metrics: Metrics,
    tokens: Tokens,
    accounts: Accounts,
) -> _Parts:
    metrics.watch_pool(database.pool.stats)
    registry = DeviceRegistry()
    remembering = Remembering(
        memory, metrics, recall_s=settings.memory_recall_timeout_s, store_s=settings.memory_store_timeout_s
    )
    answering = Answering(
        Orchestrator(
            _recorded(models.models, settings),
            AgentLimits(
                max_rounds=settings.max_tool_rounds,
                max_calls=settings.max_tool_calls,
                approval_tools=frozenset(settings.approval_tools),
                # Less than the whole, so that time is left to answer with what the tools gave.
                tool_time_s=settings.request_timeout_s * _TOOL_SHARE,
                answer_tokens=settings.model_max_output_tokens,
                show_reasoning=settings.show_reasoning,
                router_deadline_s=settings.router_timeout_s,
                repair_timeout_s=settings.repair_timeout_s,
            ),
        ),
        registry,
        metrics,
        ToolTimeouts(settings.tool_timeout_s, settings.approval_timeout_s),
        AnswerLimits(settings.request_timeout_s, settings.max_concurrent_requests, settings.max_message_chars),
        wall_clock=time.time,
        budget=TokenBudget(settings.max_tokens_per_user_day),
        memory=remembering,
    )
    gate = DeviceGate(
        accounts=accounts,
        answering=answering,
        registry=registry,
        tokens=tokens,
        metrics=metrics,
        limits=SessionLimits(
            max_frame_bytes=settings.max_frame_bytes,
            max_concurrent_requests=settings.max_concurrent_requests,
            max_message_chars=settings.max_message_chars,
            frames_per_s=settings.max_frames_per_s,
            frames_burst=settings.max_frames_burst,
            outbox_bytes=settings.outbox_bytes,
            outbox_stall_s=settings.outbox_stall_s,
            heartbeat_s=settings.heartbeat_s,
        ),
        hello_timeout_s=settings.hello_timeout_s,
        wall_clock=time.time,
    )
    rest = RestServices(
        accounts=accounts,
        tokens=tokens,
        metrics=metrics,
        readiness=ReadinessChecks({"database": database.fault}),
        chat=answering,
        memory=memory,
        limits=RestLimits(max_body_bytes=settings.max_frame_bytes, max_message_chars=settings.max_message_chars),
    )
    return _Parts(answering, gate, registry, rest, remembering)


def _playground(settings: Settings, ws_address: tuple[str, int]) -> Playground | None:
    if not settings.playground:
        return None
    return Playground(read_page(settings.playground_dir), *ws_address, ws_path=DEVICE_PATH)


def _describe_page(playground: Playground | None, address: tuple[str, int]) -> str | None:
    if playground is None:
        return None
    return f"http://{_host_port(address)}/" + ("" if playground.files else "  (not built yet: make playground)")


def _recorded(models: Models, settings: Settings) -> Models:
    if settings.record_dir is None:
        return models
    record = partial(RecordedModel, folder=settings.record_dir, contents=settings.record_contents)
    return Models(answer=record(models.answer), router=record(models.router))


async def _listen(
    nursery: trio.Nursery, setting: str, bind: str, server: Callable[..., Awaitable[None]]
) -> tuple[str, int]:
    """Start a listener; the address it got. Raises OSError that names the setting."""
    try:
        address: tuple[str, int] = await nursery.start(server)
    except OSError as error:
        raise OSError(f"{setting}: can't listen on {bind}: {error.strerror or error}") from error
    return address


async def _serve_rest(
    services: RestServices,
    bind: str,
    stopped: Callable[[], Awaitable[None]],
    grace_s: float,
    done: trio.Event,
    task_status: trio.TaskStatus[tuple[str, int]],
) -> None:
    try:
        await serve_rest(
            build_app(services),
            bind,
            shutdown_trigger=stopped,
            limits=ServeLimits(grace_s=grace_s),
            task_status=task_status,
        )
    finally:
        done.set()


async def _drain(parts: _Parts, rest_done: trio.Event, grace_s: float) -> None:
    """Let what runs finish for `grace_s`, then close what is still open."""
    log.info("draining", sessions=len(parts.registry), grace_s=grace_s)
    parts.answering.drain()
    parts.gate.drain()
    ends_at = trio.current_time() + grace_s
    with trio.move_on_after(grace_s):
        await parts.gate.closed()
        await rest_done.wait()
    parts.gate.close_all()
    parts.answering.cancel_all()
    with trio.move_on_after(_CLOSE_TIMEOUT_S):
        await parts.gate.closed()
        await rest_done.wait()
    await parts.remembering.drain(max(ends_at - trio.current_time(), _CLOSE_TIMEOUT_S))


def _host_port(address: tuple[str, int]) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
