"""Makes the parts of one server from its settings and from what `server.main` opened, and connects them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from agents.limits import AgentLimits
from agents.model import Models
from agents.orchestrator import Orchestrator
from memory import MemoryMiddleware
from memory.conversations import BYTES_PER_TOKEN
from memory.delivery import DeviceRecords
from server.accounts import Access, Accounts, EndedAccess, Logins, Registration, SignedCodes, Tokens
from server.answers import AnswerPipeline
from server.changes import ChangeDelivery
from server.devices import DeviceRegistry, ToolTimeouts
from server.kept import KeptRequests
from server.memory_service import MemoryService
from server.models import OpenModels, TokenSpending
from server.net import AllowedHosts, parse_bind
from server.peers import Overview
from server.presence import Presence
from server.relay import Relay
from server.requests import AnswerLimits
from server.rest import ReadinessChecks, RestLimits, RestServices
from server.sessions import SessionHost, SessionLimits
from server.settings import Settings
from server.shared_limits import Limits, Rate
from server.sockets import DeviceGate, Handover, HandshakeLimit, UserSockets
from server.startup import WorkerOrders
from server.storage import Database
from server.telemetry import LiveServer, Metrics, OtlpExporter, live_server
from streaming.model import RecordedModel

_TOOL_SHARE: Final = 0.8
# At least this many seconds pass before a used request id may run again.
_REMEMBERED_S: Final = 600.0


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts that `server.main` runs, serves and drains."""

    pipeline: AnswerPipeline
    gate: DeviceGate
    sessions: SessionHost
    registry: DeviceRegistry
    rest: RestServices
    memory_service: MemoryService
    overview: Overview
    spending: TokenSpending
    changes: ChangeDelivery
    devices: DeviceRecords


def compose(
    settings: Settings,
    database: Database,
    models: OpenModels,
    spending: TokenSpending,
    memory: MemoryMiddleware,
    metrics: Metrics,
    tokens: Tokens,
    accounts: Accounts,
    logins: Logins,
    access: Access,
    registration: Registration,
    codes: SignedCodes,
    registry: DeviceRegistry,
    presence: Presence,
    relay: Relay | None,
    orders: WorkerOrders | None,
    exporter: OtlpExporter | None,
    handover: Handover | None,
    make_limit: Limits,
    clock: Callable[[], float] = time.time,
) -> Parts:
    """Make the parts. Opens nothing. `clock` returns the seconds since the epoch that answers call "now"."""
    metrics.watch_pool(database.pool.stats)
    metrics.watch_outboxes(lambda: sum(link.queued_bytes for link in registry.all()))
    memory_service = MemoryService(
        memory,
        metrics,
        recall_s=settings.memory_recall_timeout_s,
        store_s=settings.memory_store_timeout_s,
        conversation_tokens=settings.conversation_tokens,
    )
    metrics.watch_memory(lambda: memory_service.waiting)
    changes = registry.changes = ChangeDelivery(memory.change_log, metrics)
    kept = KeptRequests(
        memory.answers,
        memory.change_log,
        metrics,
        keep_s=settings.answer_keep_s,
        servers=presence,
        per_user=settings.max_requests_per_user,
    )
    pipeline = AnswerPipeline(
        Orchestrator(
            _recorded(models.models, settings),
            AgentLimits(
                max_rounds=settings.max_tool_rounds,
                max_calls=settings.max_tool_calls,
                approval_tools=frozenset(settings.approval_tools),
                # Less than the whole request, so that time is left to answer from the tools' results.
                tool_time_s=settings.request_timeout_s * _TOOL_SHARE,
                # A history that memory fitted into its budget is not cut again.
                history_chars=max(AgentLimits().history_chars, settings.conversation_tokens * BYTES_PER_TOKEN),
                answer_tokens=settings.model_max_output_tokens,
                show_reasoning=settings.show_reasoning,
                router_asks=settings.router_asks,
                router_deadline_s=settings.router_timeout_s,
                repair_timeout_s=settings.repair_timeout_s,
            ),
        ),
        registry,
        metrics,
        ToolTimeouts(settings.tool_timeout_s, settings.approval_timeout_s),
        AnswerLimits(
            settings.request_timeout_s,
            settings.max_concurrent_requests,
            settings.max_message_chars,
            # Not shorter than the answer is kept: a known id must never run again.
            remembered_s=max(settings.answer_keep_s, _REMEMBERED_S),
            per_user=settings.max_requests_per_user,
        ),
        wall_clock=clock,
        spending=spending,
        memory=memory_service,
        claims=kept,
        trace=exporter.export if exporter is not None else None,
    )
    sessions = SessionHost(
        pipeline,
        registry,
        SessionLimits(
            max_frame_bytes=settings.max_frame_bytes,
            max_concurrent_requests=settings.max_concurrent_requests,
            max_message_chars=settings.max_message_chars,
            frames_per_s=settings.max_frames_per_s,
            frames_burst=settings.max_frames_burst,
            outbox_bytes=settings.outbox_bytes,
            outbox_stall_s=settings.outbox_stall_s,
            heartbeat_s=settings.heartbeat_s,
            resume_grace_s=settings.resume_grace_s,
            log_bytes=settings.answer_log_bytes,
            session_log_bytes=settings.session_log_bytes,
        ),
        answer_keep_s=settings.answer_keep_s,
        store=kept,
        changes=changes,
        devices=memory.devices,
        others=handover,
    )
    handshakes = HandshakeLimit(settings.max_handshakes, settings.max_handshakes_waiting)
    metrics.watch_handshakes(lambda: handshakes.waiting)
    metrics.watch_sessions(lambda: sessions.detached, lambda: sessions.log_bytes)
    gate = DeviceGate(
        sessions=sessions,
        registry=registry,
        access=access,
        metrics=metrics,
        hello_timeout_s=settings.hello_timeout_s,
        wall_clock=time.time,
        handshakes=handshakes,
        holding_key=memory.holding_key,
        handover=handover,
        users=UserSockets(
            settings.max_sockets_per_user,
            settings.max_bytes_per_s_per_user,
            settings.max_bytes_burst_per_user,
            make_limit,
        ),
    )

    async def end_access(ended: EndedAccess) -> None:
        gate.end_access(ended)
        if relay is not None:
            await relay.end_access(ended)

    if relay is not None:
        relay.on_access_ended = gate.end_access
        relay.on_server_gone = changes.look_again

    def look(with_tasks: bool) -> LiveServer:
        sockets = [link.live() for link in registry.all()]
        worker = orders.number if orders is not None else 1
        return live_server(worker, sockets, pipeline.live(), with_tasks=with_tasks)

    overview = Overview(metrics, look, orders)
    rest = RestServices(
        accounts=accounts,
        tokens=tokens,
        logins=logins,
        registration=registration,
        codes=codes,
        access=access,
        end_access=end_access,
        metrics=metrics,
        readiness=ReadinessChecks({"database": database.fault, "model": models.fault}),
        model_shape=models.describe_shape,
        chat=sessions.rest,
        requests=sessions,
        memory=memory,
        overview=overview,
        admin_token=settings.admin_token,
        metrics_token=settings.metrics_token,
        user_rate=make_limit(
            Rate(
                "rest_requests",
                settings.max_http_requests_per_s_per_user,
                settings.max_http_requests_burst_per_user,
            )
        ),
        make_limit=make_limit,
        hosts=AllowedHosts(settings.allowed_hosts, parse_bind(settings.http_bind)[0]),
        worker=orders.number if orders is not None else None,
        limits=RestLimits(
            max_body_bytes=settings.max_frame_bytes, signups_per_hour=settings.max_signups_per_address_hour
        ),
    )
    return Parts(pipeline, gate, sessions, registry, rest, memory_service, overview, spending, changes, memory.devices)


def _recorded(models: Models, settings: Settings) -> Models:
    if settings.record_dir is None:
        return models
    record = partial(RecordedModel, folder=settings.record_dir, contents=settings.record_contents)
    return Models(answer=record(models.answer), router=record(models.router), shapes=models.shapes)
