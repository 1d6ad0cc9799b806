"""The routes for operators: liveness, readiness, metrics, and the OpenAPI document."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable
from functools import cache
from typing import Any, Final, Literal

import trio
from pydantic import BaseModel, ConfigDict
from quart import Blueprint, Response, request

from server.rest.errors import ErrorBody, ErrorDetail, json_response, unauthorized
from server.rest.openapi import Answer, Operation
from server.rest.services import RestServices
from server.telemetry import CONTENT_TYPE
from streaming.wire import Optional


class Health(BaseModel):
    """The body of `/healthz`: the process answers."""

    status: Literal["ok"] = "ok"


class Ready(BaseModel):
    """The body of `/readyz` when every check passed.

    `model_shape`: how requests to the model are built, and what its server was found to obey. The demo model has none.
    """

    status: Literal["ready"] = "ready"
    checks: dict[str, Literal["ok"]]
    model_shape: Optional[str] = None


class NotReady(ErrorBody):
    """The body of `/readyz` when a check failed. `checks` has `ok` or the failure of each check by name."""

    checks: dict[str, str]
    model_shape: Optional[str] = None


class OpenApi(BaseModel):
    """An OpenAPI 3.1 document."""

    model_config = ConfigDict(extra="allow")

    openapi: Literal["3.1.0"]


HEALTH: Final = Operation(
    method="GET",
    path="/healthz",
    name="healthz",
    summary="Check that the process answers",
    tag="operations",
    answers={200: Answer("The process answers.", Health)},
)
READY: Final = Operation(
    method="GET",
    path="/readyz",
    name="readyz",
    summary="Check that the server can answer requests",
    tag="operations",
    answers={200: Answer("Every check passed.", Ready)},
    refusals={503: "A check failed; `checks` says which one."},
    error_models={503: NotReady},
)
METRICS: Final = Operation(
    method="GET",
    path="/metrics",
    name="metrics",
    summary="Read the metrics",
    description="With several workers, any of them returns the metrics of all: every sample has the label `worker`.",
    tag="operations",
    answers={200: Answer("The metrics in Prometheus's text format.", media_types=("text/plain",))},
    refusals={401: "The bearer token is not that of TESSERA_METRICS_TOKEN, which is set."},
)
OPENAPI: Final = Operation(
    method="GET",
    path="/openapi.json",
    name="openapi",
    summary="Read this document",
    tag="operations",
    answers={200: Answer("The OpenAPI document.", OpenApi)},
)
OPERATIONS: Final = (HEALTH, READY, METRICS, OPENAPI)


def ops_routes(services: RestServices, document: Callable[[], dict[str, Any]]) -> Blueprint:
    """The routes of this module. `document` generates the OpenAPI document; the first request for it calls it."""
    routes = Blueprint("ops", __name__)

    @cache
    def openapi_json() -> bytes:
        return json.dumps(document(), ensure_ascii=False, separators=(",", ":")).encode()

    @routes.route(HEALTH.path, methods=[HEALTH.method])
    async def healthz() -> Response:
        return json_response(Health())

    @routes.route(READY.path, methods=[READY.method])
    async def readyz() -> Response:
        outcomes = await services.readiness()
        shape = services.model_shape()
        failed = [name for name, fault in outcomes.items() if fault is not None]
        if not failed:
            return json_response(Ready(checks=dict.fromkeys(outcomes, "ok"), model_shape=shape))
        detail = ErrorDetail(code="not_ready", message=f"Not ready: {', '.join(failed)}.", retryable=True)
        checks = {name: fault or "ok" for name, fault in outcomes.items()}
        return json_response(NotReady(error=detail, checks=checks, model_shape=shape), 503)

    @routes.route(METRICS.path, methods=[METRICS.method])
    async def metrics() -> Response:
        if services.metrics_token is not None:
            expected = f"Bearer {services.metrics_token.get_secret_value()}".encode()
            if not hmac.compare_digest(request.headers.get("Authorization", "").encode(), expected):
                raise unauthorized("This path needs the bearer token of TESSERA_METRICS_TOKEN.")
        overview = services.overview
        text = services.metrics.render() if overview is None else await overview.metrics()
        return Response(text, 200, content_type=CONTENT_TYPE)

    @routes.route(OPENAPI.path, methods=[OPENAPI.method])
    async def openapi() -> Response:
        # Generating it takes tens of milliseconds, in which the event loop would send nothing.
        document_json = await trio.to_thread.run_sync(openapi_json)
        return Response(document_json, 200, content_type="application/json")

    return routes
