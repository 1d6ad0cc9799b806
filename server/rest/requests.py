"""`/api/v1/requests/{request_id}`: the state of one of the user's requests, and its cancellation."""

from __future__ import annotations

from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import BaseModel, Field
from quart import Blueprint, Response

from server.rest.bodies import authenticated_user
from server.rest.errors import ApiError, json_response
from server.rest.openapi import Answer, Operation, rule_of
from server.rest.services import RestServices
from streaming.wire import (
    AnswerFinish,
    Domain,
    ErrorCode,
    Optional,
    WsAnswerLocale,
    WsFailure,
    WsMemoryUsed,
    WsMutationRecord,
    WsResultBlock,
    WsUsage,
)


class RequestAnswer(BaseModel):
    """The fields of the frame `request_result`: the answer so far, or the kept answer of an ended request."""

    request_id: UUID
    status: Literal["running", "completed", "failed", "cancelled"]
    finish: Optional[AnswerFinish] = None
    shown: Optional[Annotated[int, Field(ge=0)]] = None
    agent: Optional[str] = None
    domain: Optional[Domain] = None
    blocks: list[WsResultBlock]
    mutations: list[WsMutationRecord]
    memory_used: Optional[list[WsMemoryUsed]] = None
    usage: Optional[WsUsage] = None
    locale: Optional[WsAnswerLocale] = None
    error: Optional[WsFailure] = None
    not_stored: Optional[WsFailure] = None


class CancelledAnswer(BaseModel):
    """The request is being cancelled; its result will say how it ended."""

    request_id: UUID


_REFUSALS: Final = {
    401: "No valid access token.",
    404: "This request is unknown, or its answer is no longer kept.",
    500: "The server failed.",
}
RESULT: Final = Operation(
    method="GET",
    path="/api/v1/requests/{request_id}",
    name="get_request",
    summary="The state of a request",
    description="While the request runs: its answer so far. After its end: its answer, for as long as it is kept.",
    tag="chat",
    authenticated=True,
    answers={200: Answer("The request.", RequestAnswer)},
    refusals=_REFUSALS,
)
CANCEL: Final = Operation(
    method="DELETE",
    path="/api/v1/requests/{request_id}",
    name="cancel_request",
    summary="Cancel a running request",
    tag="chat",
    authenticated=True,
    answers={202: Answer("The request is being cancelled.", CancelledAnswer)},
    refusals={**_REFUSALS, 404: "No such request is running."},
)
OPERATIONS: Final = (RESULT, CANCEL)


def request_routes(services: RestServices) -> Blueprint:
    """The routes of this module."""
    routes = Blueprint("requests", __name__)

    @routes.route(rule_of(RESULT), methods=[RESULT.method])
    async def result(request_id: str) -> Response:
        user = await authenticated_user(services)
        identity = _uuid(request_id)
        known = services.requests
        found = None if known is None or identity is None else await known.result(user.user_id, identity)
        if found is None:
            raise _unknown("This request is unknown, or its answer is no longer kept.")
        return json_response(RequestAnswer.model_validate(found.model_dump(exclude={"seq", "type"})))

    @routes.route(rule_of(CANCEL), methods=[CANCEL.method])
    async def cancel(request_id: str) -> Response:
        user = await authenticated_user(services)
        identity = _uuid(request_id)
        known = services.requests
        if known is None or identity is None or not await known.cancel(user.user_id, identity):
            raise _unknown("No such request is running.")
        return json_response(CancelledAnswer(request_id=identity), 202)

    return routes


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _unknown(message: str) -> ApiError:
    return ApiError(404, ErrorCode.UNKNOWN_REQUEST, message)
