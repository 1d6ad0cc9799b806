"""Errors over HTTP: the body `{"error": {"code", "message", "retryable"}}`, with the matching status."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

import structlog
from pydantic import BaseModel, Field
from quart import Response, has_request_context, request
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException

from person import Sentences
from server.requests import RequestRefused
from server.rest.chat_answer import AnswerBlock
from sql.driver import DatabaseUnavailable
from sql.pool import PoolClosed, PoolTimeout
from streaming.wire import AnswerFinish, ErrorCode, Optional, WsAnswerLocale, WsMutationRecord, WsStreamEnd, WsUsage

log = structlog.get_logger(__name__)

STATUS_OF: Final[Mapping[ErrorCode, int]] = {
    ErrorCode.INVALID_FRAME: 422,
    ErrorCode.UNKNOWN_TYPE: 422,
    ErrorCode.ALREADY_READY: 409,
    ErrorCode.DUPLICATE_REQUEST: 409,
    ErrorCode.UNKNOWN_REQUEST: 404,
    ErrorCode.UNKNOWN_CALL: 404,
    ErrorCode.TOO_MANY_REQUESTS: 429,
    ErrorCode.MESSAGE_TOO_LONG: 413,
    ErrorCode.RATE_LIMITED: 429,
    ErrorCode.BUDGET_SPENT: 429,
    ErrorCode.UNAUTHORIZED: 401,
    ErrorCode.SERVER_DRAINING: 503,
    ErrorCode.MODEL_BUSY: 503,
    ErrorCode.MODEL_UNAVAILABLE: 503,
    ErrorCode.MODEL_ERROR: 502,
    ErrorCode.MODEL_CUT: 502,
    ErrorCode.MODEL_TIMEOUT: 504,
    ErrorCode.EMPTY_ANSWER: 502,
    ErrorCode.ANSWER_CUT: 502,
    ErrorCode.REQUEST_TIMEOUT: 504,
    ErrorCode.SERVER_LOST: 503,
    ErrorCode.RESUME_EXPIRED: 409,
    ErrorCode.LOG_OVERFLOW: 503,
    ErrorCode.SCOPE_NOT_FOUND: 404,
    ErrorCode.UNKNOWN_MEMORY: 404,
    ErrorCode.MEMORY_UNAVAILABLE: 503,
    ErrorCode.QUOTA_REACHED: 507,
    ErrorCode.INTERNAL: 500,
}
"""The HTTP status of each error code of the answer pipeline."""

# Errors that the framework raises, as (code, message, retryable).
_HTTP_ERRORS: Final[Mapping[int, tuple[str, str, bool]]] = {
    400: ("bad_request", "The request could not be read.", False),
    404: ("not_found", "Nothing is at this path. GET /openapi.json lists all paths.", False),
    405: (
        "method_not_allowed",
        "This path does not allow this method; the Allow header lists those that it allows.",
        False,
    ),
    408: ("body_timeout", "The request's body did not arrive in time.", True),
    413: ("body_too_large", "The request's body is larger than this server accepts (TESSERA_MAX_FRAME_BYTES).", False),
}
_KEPT_HEADERS: Final = ("Allow", "Retry-After")


class ErrorDetail(BaseModel):
    """`code` is stable and for programs; `message` is for developers, in English."""

    code: str
    message: str
    retryable: bool
    text: Optional[str] = Field(
        default=None,
        description="A sentence for the person in the language of the header Accept-Language, if it was sent.",
    )


class ErrorBody(BaseModel):
    """The body of every answer whose status is 400 or above."""

    error: ErrorDetail


class ChatErrorBody(ErrorBody):
    """An accepted chat request that did not complete, with its blocks, its changes, and its token usage."""

    request_id: UUID
    blocks: Optional[list[AnswerBlock]] = None
    finish: Optional[AnswerFinish] = None
    mutations: list[WsMutationRecord] = Field(default_factory=list)
    usage: Optional[WsUsage] = None
    locale: Optional[WsAnswerLocale] = None


class ApiError(Exception):
    """Ends a request with `status` and an error body. Routes raise it; the app's error handler renders it."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        retryable: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.detail = ErrorDetail(code=code, message=message, retryable=retryable)
        self.headers = dict(headers or {})

    def body(self) -> ErrorBody:
        return ErrorBody(error=self._detail())

    def _detail(self) -> ErrorDetail:
        """The detail with its sentence in the language that the current request asks for, if it asks for one."""
        accepted = _accepted_languages() if has_request_context() else []
        if self.detail.text is not None or not accepted:
            return self.detail
        return self.detail.model_copy(update={"text": Sentences.of(*accepted).error(self.detail.code)})


def _accepted_languages() -> list[str]:
    return [str(tag) for tag, quality in request.accept_languages if quality > 0]


class ChatFailed(ApiError):
    """An accepted request ended with the status and error of `end`, which is not `completed`."""

    def __init__(self, end: WsStreamEnd, blocks: Sequence[AnswerBlock] = ()) -> None:
        if end.error is not None:
            super().__init__(
                STATUS_OF[end.error.code], end.error.code, end.error.message, retryable=end.error.retryable
            )
        else:
            super().__init__(503, "cancelled", "The request was cancelled before it was answered.", retryable=True)
        if end.error is not None and end.error.text is not None:
            self.detail = self.detail.model_copy(update={"text": end.error.text})
        self._end = end
        # Only of a cut answer: it ended, although too early. What other failures had shown may break off anywhere.
        self._blocks = (list(blocks) or None) if self.detail.code == ErrorCode.ANSWER_CUT else None

    def body(self) -> ErrorBody:
        return ChatErrorBody(
            error=self._detail(),
            request_id=self._end.request_id,
            blocks=self._blocks,
            finish=self._end.finish,
            mutations=self._end.mutations,
            usage=self._end.usage,
            locale=self._end.locale,
        )


def unauthorized(message: str, *, code: str = ErrorCode.UNAUTHORIZED, challenge: str = "") -> ApiError:
    """An error 401 with a challenge of RFC 6750; `challenge` is its `error="..."` part, if any."""
    header = 'Bearer realm="tessera"' + (f", {challenge}" if challenge else "")
    return ApiError(401, code, message, headers={"WWW-Authenticate": header})


def rate_limited(wait_s: float) -> ApiError:
    """An error 429 with Retry-After."""
    seconds = max(1, math.ceil(wait_s))
    return ApiError(
        429,
        ErrorCode.RATE_LIMITED,
        f"Too many attempts. Try again in {seconds} s.",
        retryable=True,
        headers={"Retry-After": str(seconds)},
    )


def json_response(body: BaseModel, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """`body` as a JSON response. Fields of type `Optional` without a value are left out."""
    return Response(body.model_dump_json(), status, dict(headers or {}), content_type="application/json")


def install_error_handlers(app: QuartTrio) -> None:
    """Give every error of a route or of the framework the same JSON body."""

    @app.errorhandler(ApiError)
    async def refused(error: ApiError) -> Response:
        return json_response(error.body(), error.status, error.headers)

    @app.errorhandler(RequestRefused)
    async def not_accepted(error: RequestRefused) -> Response:
        refusal = ApiError(STATUS_OF[error.code], error.code, str(error), retryable=error.retryable)
        return json_response(refusal.body(), refusal.status)

    @app.errorhandler(HTTPException)
    async def http_error(error: HTTPException) -> Response:
        status = error.code or 500
        code, message, retryable = _HTTP_ERRORS.get(status, (f"http_{status}", error.name + ".", False))
        kept = {name: value for name, value in error.get_headers() if name in _KEPT_HEADERS}
        return json_response(ApiError(status, code, message, retryable=retryable).body(), status, kept)

    @app.errorhandler(DatabaseUnavailable)
    @app.errorhandler(PoolTimeout)
    @app.errorhandler(PoolClosed)
    async def no_database(error: Exception) -> Response:
        log.warning("database_unavailable", fault=type(error).__name__)
        failure = ApiError(503, "database_unavailable", "The database can't be reached now. Try again.", retryable=True)
        return json_response(failure.body(), failure.status)

    @app.errorhandler(Exception)
    async def fault(error: Exception) -> Response:
        # The boundary of one HTTP request. The message is only logged: it may contain what the caller must not see.
        log.error("http_request_failed", exc_info=error)
        failure = ApiError(
            500, ErrorCode.INTERNAL, "The server failed to answer; its log has the error.", retryable=True
        )
        return json_response(failure.body(), failure.status)
