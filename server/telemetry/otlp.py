"""Sends spans to an OpenTelemetry collector: OTLP over HTTP in JSON encoding, from one task.

Tracing never delays or fails a request. Spans wait in a bounded queue; if it is full, or the collector rejects spans,
they are dropped, and the log has their number.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, Final

import httpx
import structlog
import trio

from server.telemetry.traces import Attribute, Span

log = structlog.get_logger(__name__)

_PATH: Final = "/v1/traces"
_WAITING: Final = 4096
_BATCH: Final = 512
_EVERY_S: Final = 1.0
_WITHIN_S: Final = 5.0
_LAST_S: Final = 2.0
_ERROR_STATUS: Final = 2


class OtlpExporter:
    """`export` queues spans; `run` sends them to `endpoint`, a base URL such as `http://127.0.0.1:4318`."""

    def __init__(self, client: httpx.AsyncClient, endpoint: str, *, worker: int | None = None) -> None:
        self._client = client
        self._url = endpoint.rstrip("/") + _PATH
        self._send, self._receive = trio.open_memory_channel[Span](_WAITING)
        self._dropped = 0
        self._resource = {
            "attributes": _attributes(
                {
                    "service.name": "tessera",
                    "service.version": version("tessera-server"),
                    **({} if worker is None else {"service.instance.id": f"worker-{worker}"}),
                }
            )
        }

    def export(self, span: Span) -> None:
        """Queue an ended span. Never blocks, never raises."""
        try:
            self._send.send_nowait(span)
        except trio.WouldBlock:
            self._dropped += 1

    async def run(self) -> None:
        """Send the queued spans every second until cancelled; then send the rest, for at most two seconds."""
        try:
            while True:
                spans = [await self._receive.receive()]
                await trio.sleep(_EVERY_S)
                await self._post(self._take(spans))
        finally:
            with trio.move_on_after(_LAST_S, shield=True):
                while spans := self._take([]):
                    await self._post(spans)

    def _take(self, spans: list[Span]) -> list[Span]:
        while len(spans) < _BATCH:
            try:
                spans.append(self._receive.receive_nowait())
            except trio.WouldBlock:
                break
        return spans

    async def _post(self, spans: Sequence[Span]) -> None:
        dropped, self._dropped = self._dropped, 0
        if dropped:
            log.warning("spans_dropped", count=dropped, reason=f"the queue of {_WAITING} spans was full")
        try:
            body = json.dumps(encoded(spans, self._resource), separators=(",", ":")).encode()
            with trio.fail_after(_WITHIN_S):
                response = await self._client.post(
                    self._url, content=body, headers={"Content-Type": "application/json"}
                )
            if not response.is_success:
                log.warning("spans_dropped", count=len(spans), reason=f"HTTP {response.status_code}")
        except (httpx.HTTPError, trio.TooSlowError) as error:
            log.warning("spans_dropped", count=len(spans), reason=type(error).__name__)


def encoded(spans: Sequence[Span], resource: dict[str, Any]) -> dict[str, Any]:
    """An `ExportTraceServiceRequest` in OTLP's JSON encoding."""
    scope = {"name": "tessera"}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": scope, "spans": [*map(_span, spans)]}]}]}


def _span(span: Span) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        "name": span.name,
        "kind": int(span.kind),
        # In protobuf's JSON encoding, 64-bit integers are strings.
        "startTimeUnixNano": str(span.started_ns),
        "endTimeUnixNano": str(span.ended_ns),
        "attributes": _attributes(span.attributes),
    }
    if span.parent_id:
        shown["parentSpanId"] = span.parent_id
    if span.fault is not None:
        shown["status"] = {"code": _ERROR_STATUS}
    return shown


def _attributes(attributes: dict[str, Attribute]) -> list[dict[str, Any]]:
    return [{"key": name, "value": _value(value)} for name, value in attributes.items()]


def _value(value: Attribute) -> dict[str, Any]:
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case str():
            return {"stringValue": value}
        case _:
            return {"arrayValue": {"values": [_value(one) for one in value]}}
