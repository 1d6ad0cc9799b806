"""`/api/v1/requests`: the user's requests, the state of one, and its cancellation."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import BaseModel, Field
from quart import Blueprint, Response

from memory import Position
from server.requests import ListedRequest, NotListed, NotReached
from server.rest.bodies import authenticated_user
from server.rest.errors import ApiError, json_response
from server.rest.openapi import Answer, Operation, rule_of
from server.rest.pages import BAD_PAGE, PAGED, next_cursor, page_limit, page_position
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


class RequestSummary(BaseModel):
    """A request that runs, or whose answer is kept, without its contents."""

    request_id: UUID
    state: Literal["running", "completed", "failed", "cancelled"]
    reason: Optional[str] = Field(
        default=None, description="The code of its error, if it is known without decrypting the answer."
    )
    device_id: Optional[UUID] = Field(default=None, description="The device that asked.")
    created_at: datetime
    ended_at: Optional[datetime] = Field(
        default=None, description="Left out while the request runs, and until its answer is stored."
    )


class RequestList(BaseModel):
    """A page of requests, the newest first. `next` is the cursor of the next page."""

    requests: list[RequestSummary]
    next: Optional[str] = Field(default=None, description="Cursor of the next page; left out on the last page.")


_REFUSALS: Final = {
    401: "No valid access token.",
    404: "This request is unknown, or its answer is no longer kept.",
    500: "The server failed.",
}
LIST: Final = Operation(
    method="GET",
    path="/api/v1/requests",
    name="list_requests",
    summary="List the user's requests",
    description="The running requests of all the user's devices and over REST, and the ended ones whose answer is kept,"
    " the newest first. A list has no contents: `GET /api/v1/requests/{request_id}` has them.",
    tag="chat",
    query=PAGED,
    authenticated=True,
    answers={200: Answer("A page of requests.", RequestList)},
    refusals={
        401: "No valid access token.",
        500: "The server failed.",
        503: "The database can't be reached, or the server has none.",
        **BAD_PAGE,
    },
)
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
    refusals={
        **_REFUSALS,
        404: "No such request is running.",
        503: "The request runs at a server that can't be reached. It goes on.",
    },
)
OPERATIONS: Final = (LIST, RESULT, CANCEL)


def request_routes(services: RestServices) -> Blueprint:
    """The routes of this module."""
    routes = Blueprint("requests", __name__)

    @routes.route(rule_of(LIST), methods=[LIST.method])
    async def page() -> Response:
        user = await authenticated_user(services)
        limit, after = page_limit(), page_position(uuids=True)
        if services.requests is None:
            raise _not_listed()
        before = None if after is None else (after.at, UUID(after.id))
        try:
            found = await services.requests.page(user.user_id, limit + 1, before)
        except NotListed:
            raise _not_listed() from None
        last = found[limit - 1] if len(found) > limit else None
        place = None if last is None else Position(last.created_at, str(last.request_id))
        return json_response(RequestList(requests=[_summary(one) for one in found[:limit]], next=next_cursor(place)))

    @routes.route(rule_of(RESULT), methods=[RESULT.method])
    async def result(request_id: str) -> Response:
        user = await authenticated_user(services)
        wanted_id = _uuid(request_id)
        known = services.requests
        found = None if known is None or wanted_id is None else await known.result(user.user_id, wanted_id)
        if found is None:
            raise _unknown("This request is unknown, or its answer is no longer kept.")
        return json_response(RequestAnswer.model_validate(found.model_dump(exclude={"seq", "type"})))

    @routes.route(rule_of(CANCEL), methods=[CANCEL.method])
    async def cancel(request_id: str) -> Response:
        user = await authenticated_user(services)
        wanted_id = _uuid(request_id)
        known = services.requests
        try:
            if known is None or wanted_id is None or not await known.cancel(user.user_id, wanted_id):
                raise _unknown("No such request is running.")
        except NotReached:
            message = "The request runs at a server that can't be reached from here. It goes on."
            raise ApiError(503, "server_not_reached", message, retryable=True) from None
        return json_response(CancelledAnswer(request_id=wanted_id), 202)

    return routes


def _summary(one: ListedRequest) -> RequestSummary:
    return RequestSummary(
        request_id=one.request_id,
        state=one.state,
        reason=one.reason,
        device_id=one.device_id,
        created_at=one.created_at,
        ended_at=one.ended_at,
    )


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _not_listed() -> ApiError:
    message = "The requests can't be listed, because the database can't be reached or the server has none."
    return ApiError(503, ErrorCode.MEMORY_UNAVAILABLE, message, retryable=True)


def _unknown(message: str) -> ApiError:
    return ApiError(404, ErrorCode.UNKNOWN_REQUEST, message)
