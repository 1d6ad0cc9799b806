"""The one exception for a failed model call, whatever the cause."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from streaming.chat import ErrorDelta
from streaming.wire import ErrorCode

_IDENTIFIER = re.compile(r"[a-z][a-z_]{2,63}")
_SECONDS = re.compile(r"\d{1,9}(\.\d{1,9})?", re.ASCII)
_STATUSES = {status.name.lower(): status.value for status in HTTPStatus if status >= HTTPStatus.BAD_REQUEST}
_UNAUTHORIZED = frozenset({401, 403})
_BUSY = frozenset({408, 409, 425, 429})
_SERVER_FAULT = 500
_SPENT = frozenset({"insufficient_quota", "billing_hard_limit_reached"})


class ModelError(Exception):
    """A model could not be called, or its answer failed.

    `message` is a sentence for the person and is sent to the client. It never holds the key, the prompt or text from
    the provider, except a short identifier such as `context_length_exceeded`. `retry_after_s` is the provider's
    Retry-After, in seconds. `status` is the HTTP status of a refused request. `setting` names the server's setting of
    the time limit that has passed.
    """

    def __init__(
        self,
        code: ErrorCode,
        message: str,
        *,
        retryable: bool,
        retry_after_s: float | None = None,
        status: int | None = None,
        setting: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retryable = retryable
        self.retry_after_s = retry_after_s
        self.status = status
        self.setting = setting

    def __repr__(self) -> str:
        return f"ModelError({self.code.value!r}, {self.message!r}, retryable={self.retryable})"


class OtherShape(Exception):
    """The model at `place` answers next, and needs the request in another shape. It was not called yet."""

    def __init__(self, place: int) -> None:
        super().__init__(f"model {place} needs another shape of the request")
        self.place = place


class NoPlace(ModelError):
    """The call was never made, because the server is at its own limit. It says nothing about the model."""


def error_of_status(status: int, body: bytes, headers: Mapping[str, str] | None = None) -> ModelError:
    """The error for an HTTP status other than 200. Only the provider's error identifier is read from `body`.

    `headers`, with names in lower case, may hold Retry-After.
    """
    detail = f"HTTP {status}"
    if identifier := _identifier_in(body):
        detail += f", {identifier}"
    if status in _UNAUTHORIZED:
        return ModelError(ErrorCode.MODEL_ERROR, f"The model refused the server's key ({detail}).", retryable=False)
    if status in _BUSY or status >= _SERVER_FAULT:
        if identifier in _SPENT:
            return ModelError(ErrorCode.MODEL_UNAVAILABLE, f"The model's account is spent ({detail}).", retryable=False)
        return ModelError(
            ErrorCode.MODEL_UNAVAILABLE,
            f"The model cannot answer just now ({detail}). Try again.",
            retryable=True,
            retry_after_s=_retry_after_s(headers or {}),
        )
    return ModelError(
        ErrorCode.MODEL_ERROR, f"The model refused the request ({detail}).", retryable=False, status=status
    )


def error_of_delta(delta: ErrorDelta) -> ModelError:
    """The error for a fault that was reported inside the answer."""
    if delta.code == "cut":
        return ModelError(ErrorCode.MODEL_CUT, "The model's answer broke off. Try again.", retryable=True)
    status = _STATUSES.get(delta.code or "")
    if status is not None:
        return error_of_status(status, json.dumps({"code": delta.code}).encode())
    identifier = f" ({delta.code})" if delta.code and _is_identifier(delta.code) else ""
    if delta.retryable:
        return ModelError(
            ErrorCode.MODEL_ERROR, f"The model failed while answering{identifier}. Try again.", retryable=True
        )
    return ModelError(ErrorCode.MODEL_ERROR, f"The model failed while answering{identifier}.", retryable=False)


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """`retry-after-ms`, which some providers add, or `Retry-After`: seconds, or a date, compared with `Date`."""
    for name, unit_s in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        text = headers.get(name, "").strip()
        if _SECONDS.fullmatch(text):
            return float(text) * unit_s
    try:
        later = parsedate_to_datetime(headers.get("retry-after", ""))
        now = parsedate_to_datetime(headers.get("date", ""))
        return max(0.0, (later - now).total_seconds())
    except (ValueError, TypeError):  # TypeError: one of them has no time zone
        return None


def _identifier_in(body: bytes) -> str | None:
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return None
    error = parsed.get("error", parsed) if isinstance(parsed, dict) else None
    if not isinstance(error, dict):
        return None
    names = (error.get("code"), error.get("type"))
    return next((name for name in names if isinstance(name, str) and _is_identifier(name)), None)


def _is_identifier(name: str) -> bool:
    return _IDENTIFIER.fullmatch(name) is not None
