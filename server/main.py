"""Opens every part of the server in order, passes each to the parts that use it, and shuts them down.

Nothing here decides anything about a request.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import httpx
import structlog
import trio
from argon2 import PasswordHasher

from memory.keys import KeyRing
from server.accounts import (
    CODE_LABEL,
    TOKEN_LABEL,
    Access,
    Accounts,
    EmailWebhook,
    IdentityProvider,
    Invites,
    Logins,
    Passwords,
    ProviderTerms,
    Registration,
    SignedCodes,
    Tokens,
)
from server.composition import Parts, compose
from server.devices import DeviceRegistry
from server.local_model import LOCAL_MODELS, LocalModel
from server.memory_service import open_memory, user_keys
from server.models import TokenSpending, TokenSpendTable, open_models, with_local_model
from server.net import (
    AllowedOrigins,
    Arrival,
    ConnectionLimit,
    ServeLimits,
    TrustedProxies,
    host_port,
    is_loopback,
    parse_bind,
    parse_network,
    serve_rest,
    tls_context,
)
from server.presence import STALE_S, Presence, ServerMarks, ServerTable
from server.relay import open_relay
from server.rest import Playground, RestServices, build_app, read_page
from server.settings import Settings, SettingsError
from server.shared_limits import OwnLimit, OwnPlaces, Places, SharedLimits
from server.sockets import DEVICE_PATH, Handover, serve_device_sockets
from server.startup import Running, WorkerOrders
from server.storage import first_master_key, master_keys, open_database, prepare_state_dir
from server.telemetry import LoopBlock, Metrics, OtlpExporter
from sql.statements import Statements
from streaming.model import HttpTransport, open_http_client

log = structlog.get_logger(__name__)

# Argon2 takes 64 MiB and one core for tens of milliseconds. Every machine can run this many at the same time.
_PASSWORD_THREADS: Final = 2
# In a checkout, `make playground` builds it; the wheel contains it.
_PLAYGROUND: Final = Path(__file__).parents[1] / "client" / "playground" / "dist"
# Seconds after the grace period for open connections to send a close frame or their last bytes.
_CLOSE_TIMEOUT_S: Final = 1.0
_DAY_S: Final = 86_400.0
# Seconds for each step of sending spans to the collector.
_COLLECTOR_TIMEOUT_S: Final = 5.0


async def serve(
    settings: Settings,
    *,
    stop: trio.Event,
    orders: WorkerOrders | None = None,
    clock: Callable[[], float] = time.time,
    open_model_client: Callable[[HttpTransport], httpx.AsyncClient] = open_http_client,
    hasher: PasswordHasher | None = None,
    local_models: Mapping[str, LocalModel] = LOCAL_MODELS,
    task_status: trio.TaskStatus[Running] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Run the server until `stop` is set, then drain and return. With `orders`: run as one of several workers.

    `clock` returns the seconds since the epoch that answers call "now". `open_model_client` opens the HTTP client of
    all model calls. `hasher` hashes passwords; None has the library's recommended parameters. `local_models` are those
    that `TESSERA_LOCAL_MODEL` may name.

    Raises `LocalModelFailed` when the local model can't run, `OSError` when an address can't be bound or the database
    can't be reached, `SettingsError` when the kept master key can't be used or is gone, and `KEY_FAULTS` when the
    users' keys don't open with it.
    """
    settings = with_local_model(settings)
    prepare_state_dir(settings.state_dir)
    found_keys = master_keys(settings)
    ws_bind, http_bind = (orders.ws_bind, orders.http_bind) if orders else (settings.ws_bind, settings.http_bind)
    async with AsyncExitStack() as stack:
        # The supervisor of a worker has already migrated the database.
        database = await stack.enter_async_context(open_database(settings, migrating=orders is None))
        # One client for all model calls, so that connections to the model stay open between requests.
        client = await stack.enter_async_context(open_model_client(settings.http_transport))
        # Requests that do not stream use httpx's own transport.
        embedding_client = await stack.enter_async_context(open_http_client("httpx"))
        async with trio.open_nursery() as nursery:
            metrics = Metrics()
            loop_block = LoopBlock()
            metrics.watch_loop(lambda: loop_block.longest_s)
            nursery.start_soon(loop_block.run)
            statements = Statements.load()
            spend_table = TokenSpendTable(database.pool, statements)
            spending = TokenSpending(settings.max_tokens_per_user_day, time.time, spend_table, metrics)
            shared = None
            if orders is not None:
                shared = SharedLimits(orders.folder)
                await nursery.start(shared.run)
            hashes = _places(shared, "password_hashes", _PASSWORD_THREADS)
            calls = _places(shared, "model_calls", settings.max_model_calls)
            models = await open_models(settings, client, nursery, metrics, local_models, spending, calls)
            keys, key_file = found_keys or await first_master_key(settings, database.pool, statements)
            users = user_keys(settings, keys)
            memory = await open_memory(
                settings,
                database.pool,
                statements,
                users,
                embedding_client,
                metrics,
                models.memory,
                spending.working_for,
            )
            tokens = Tokens(KeyRing(keys).derive(TOKEN_LABEL), lifetime_s=settings.access_token_ttl_s)
            passwords = Passwords(trio.CapacityLimiter(_PASSWORD_THREADS), hasher, hashes)
            accounts = Accounts(database.pool, statements, passwords, users)
            logins = Logins(
                database.pool,
                statements,
                tokens,
                idle_s=settings.refresh_token_days * _DAY_S,
                max_age_s=settings.login_days * _DAY_S,
            )
            provider = None
            if settings.oidc_issuer is not None:
                terms = ProviderTerms(
                    settings.oidc_issuer,
                    tuple(settings.oidc_audience),
                    settings.jwks_url,
                    settings.oidc_subject_claim,
                    tuple(settings.oidc_algorithms),
                    settings.oidc_leeway_s,
                )
                keys_client = await stack.enter_async_context(httpx.AsyncClient())
                provider = IdentityProvider(terms, keys_client, accounts)
            access = Access(tokens, database.pool, statements, provider)
            codes = SignedCodes(KeyRing(keys).derive(CODE_LABEL))
            webhook = None
            if settings.email_webhook_url is not None:
                mailer = await stack.enter_async_context(httpx.AsyncClient())
                webhook = EmailWebhook(mailer, settings.email_webhook_url, settings.email_webhook_key)
            registration = Registration(
                settings.registration, Invites(database.pool, statements), codes, webhook, clock=time.time
            )
            registry = DeviceRegistry()
            relay = handover = None
            marks = ServerMarks(settings.state_dir)
            if settings.relay or orders is not None:
                call_s = settings.tool_timeout_s
                relay = open_relay(database, statements, KeyRing(keys), registry, call_s=call_s, marks=marks)
                handover = Handover(relay.server_id, orders.folder if orders is not None else None, relay.streams)
                presence = relay.presence
            else:
                presence = Presence(ServerTable(database.pool, statements, stale_s=STALE_S), marks)
            stack.enter_context(marks.hold(presence.server_id))
            stack.push_async_callback(presence.leave)
            await nursery.start(presence.run if relay is None else relay.run)
            exporter = None
            if settings.otlp_endpoint is not None:
                number = orders.number if orders is not None else None
                # A separate client: a slow collector must not hold connections that models need.
                collector = await stack.enter_async_context(open_http_client("httpx"))
                collector.timeout = httpx.Timeout(_COLLECTOR_TIMEOUT_S)
                exporter = OtlpExporter(collector, settings.otlp_endpoint, worker=number)
                nursery.start_soon(exporter.run)
            parts = compose(
                settings,
                database,
                models,
                spending,
                memory.middleware,
                metrics,
                tokens,
                accounts,
                logins,
                access,
                registration,
                codes,
                registry,
                presence,
                relay,
                orders,
                exporter,
                handover,
                OwnLimit if shared is None else shared.limit,
                clock,
            )
            origins = AllowedOrigins(settings.allowed_origins)
            await nursery.start(parts.sessions.run)
            await nursery.start(parts.changes.run)
            if handover is not None:
                await nursery.start(handover.serve, parts.gate)
            nursery.start_soon(access.run)
            nursery.start_soon(parts.memory_service.run)
            nursery.start_soon(parts.spending.run)
            nursery.start_soon(parts.devices.run)
            nursery.start_soon(memory.upkeep.run)
            nursery.start_soon(memory.renewal.run)
            nursery.start_soon(memory.index_change.run)
            nursery.start_soon(memory.index_loader.run)
            nursery.start_soon(memory.expiry.run)
            if parts.overview.peers is not None:
                await nursery.start(parts.overview.peers.serve)
            arrival = _arrival(settings)
            serve_sockets = partial(
                serve_device_sockets,
                parts.gate.serve,
                *parse_bind(ws_bind),
                shared=orders is not None,
                arrival=arrival,
                max_message_bytes=settings.max_frame_bytes,
                origin_allowed=origins.allows,
                max_sockets=settings.max_sockets,
                handshakes=parts.gate.handshakes,
                on_refused=metrics.handshake_refused,
            )
            rest_done = trio.Event()
            grace_s = settings.drain_grace_s + _CLOSE_TIMEOUT_S
            limits = ServeLimits(grace_s=grace_s, shared_port=orders is not None, http2=settings.http2)
            ws_address = await _listen(nursery, "TESSERA_WS_BIND", ws_bind, serve_sockets)
            playground = _playground(settings, ws_address)
            rest = replace(parts.rest, origins=origins, playground=playground, proxies=arrival.proxies)
            serve_http = partial(_serve_rest, rest, http_bind, stop.wait, limits, arrival, rest_done)
            rest_address = await _listen(nursery, "TESSERA_HTTP_BIND", http_bind, serve_http)
            if playground is not None:
                origins.admit_page(*rest_address, secure=arrival.tls is not None, public_url=settings.public_url)
            secure = "" if arrival.tls is None else "s"
            task_status.started(
                Running(
                    ws_url=f"ws{secure}://{host_port(ws_address)}{DEVICE_PATH}",
                    rest_url=f"http{secure}://{host_port(rest_address)}",
                    model=models.description,
                    database=database.description,
                    memory=memory.description,
                    playground=_describe_page(playground, f"http{secure}://{host_port(rest_address)}/"),
                    generated_key_file=key_file,
                )
            )
            await stop.wait()
            await _drain(parts, rest_done, settings.drain_grace_s)
            nursery.cancel_scope.cancel()
    log.info("stopped")


def _places(shared: SharedLimits | None, name: str, count: int) -> Places:
    return OwnPlaces(count) if shared is None else shared.places(name, count)


def _playground(settings: Settings, ws_address: tuple[str, int]) -> Playground | None:
    if not settings.playground:
        return None
    page = read_page(settings.playground_dir or _PLAYGROUND)
    only_here = all(is_loopback(parse_bind(bind)[0]) for bind in (settings.http_bind, settings.ws_bind))
    unchecked = settings.registration == "open" and settings.email_webhook_url is None
    return Playground(
        page,
        *ws_address,
        DEVICE_PATH,
        settings.tls_cert is not None,
        settings.public_url,
        guests=only_here and unchecked and settings.public_url is None,
    )


def _arrival(settings: Settings) -> Arrival:
    proxies = TrustedProxies(map(parse_network, settings.trusted_proxies), settings.proxy_header)
    connections = ConnectionLimit(settings.max_connections_per_address)
    if settings.tls_cert is None or settings.tls_key is None:
        return Arrival(proxies, connections=connections)
    try:
        return Arrival(proxies, tls_context(str(settings.tls_cert), str(settings.tls_key)), connections)
    except OSError as error:
        mistake = f"TESSERA_TLS_CERT: it and TESSERA_TLS_KEY are not a certificate and its key ({error.strerror})"
        raise SettingsError([mistake]) from None


def _describe_page(playground: Playground | None, url: str) -> str | None:
    if playground is None:
        return None
    return url + ("" if playground.files else "  (not built yet: make playground)")


async def _listen(
    nursery: trio.Nursery, setting: str, bind: str, server: Callable[..., Awaitable[None]]
) -> tuple[str, int]:
    """Start a listener and return its address. Raises an OSError that names the setting."""
    try:
        address: tuple[str, int] = await nursery.start(server)
    except OSError as error:
        raise OSError(f"{setting}: can't listen on {bind}: {error.strerror or error}") from error
    return address


async def _serve_rest(
    services: RestServices,
    bind: str,
    stopped: Callable[[], Awaitable[None]],
    limits: ServeLimits,
    arrival: Arrival,
    done: trio.Event,
    task_status: trio.TaskStatus[tuple[str, int]],
) -> None:
    try:
        await serve_rest(
            build_app(services),
            bind,
            shutdown_trigger=stopped,
            limits=limits,
            arrival=arrival,
            task_status=task_status,
        )
    finally:
        done.set()


async def _drain(parts: Parts, rest_done: trio.Event, grace_s: float) -> None:
    """Let running requests finish for `grace_s` seconds, then close every open connection."""
    log.info("draining", sessions=len(parts.registry), grace_s=grace_s)
    parts.pipeline.drain()
    parts.gate.drain()
    ends_at = trio.current_time() + grace_s
    with trio.move_on_after(grace_s):
        await parts.sessions.idle()
        await parts.gate.closed()
        await rest_done.wait()
    parts.sessions.end_requests()
    with trio.move_on_after(_CLOSE_TIMEOUT_S):
        await parts.sessions.idle()
    parts.gate.close_all()
    with trio.move_on_after(_CLOSE_TIMEOUT_S):
        await parts.gate.closed()
        await rest_done.wait()
    await parts.memory_service.drain(max(ends_at - trio.current_time(), _CLOSE_TIMEOUT_S))
    await parts.spending.drain(max(ends_at - trio.current_time(), _CLOSE_TIMEOUT_S))
    await parts.devices.drain(max(ends_at - trio.current_time(), _CLOSE_TIMEOUT_S))
