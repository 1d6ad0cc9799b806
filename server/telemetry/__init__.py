"""Telemetry for operators: metrics, traces, and the live tree of sockets and requests.

It never contains the contents of messages.
"""

from __future__ import annotations

from server.telemetry.live import (
    LiveCall,
    LiveRequest,
    LiveServer,
    LiveSocket,
    live_request,
    live_server,
    live_socket,
)
from server.telemetry.log_rate import LogRate
from server.telemetry.loop_block import LoopBlock
from server.telemetry.metrics import (
    CONTENT_TYPE,
    Metrics,
    ModelUse,
    RequestOutcome,
)
from server.telemetry.otlp import OtlpExporter
from server.telemetry.request_spans import (
    agent_span,
    note_end,
    note_route,
    request_span,
    tool_span,
)
from server.telemetry.traces import (
    Span,
    TracedModel,
    answered_by,
    span,
)

__all__ = [
    "CONTENT_TYPE",
    "LiveCall",
    "LiveRequest",
    "LiveServer",
    "LiveSocket",
    "LogRate",
    "LoopBlock",
    "Metrics",
    "ModelUse",
    "OtlpExporter",
    "RequestOutcome",
    "Span",
    "TracedModel",
    "agent_span",
    "answered_by",
    "live_request",
    "live_server",
    "live_socket",
    "note_end",
    "note_route",
    "request_span",
    "span",
    "tool_span",
]
