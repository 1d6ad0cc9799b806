"""When a model call is retried, and how Retry-After is read."""

from __future__ import annotations

import json

import pytest

from streaming.model.errors import ModelError, error_of_status
from streaming.model.retry import RetryPolicy
from streaming.wire.codes import ErrorCode

POLICY = RetryPolicy(attempts=4, base_s=1, cap_s=3, max_retry_after_s=15)


def fault(retry_after_s: float | None = None, code: ErrorCode = ErrorCode.MODEL_UNAVAILABLE) -> ModelError:
    return ModelError(code, "x", retryable=True, retry_after_s=retry_after_s)


@pytest.mark.parametrize(
    ("error", "attempts", "random", "delay_s"),
    [
        (fault(), 1, 0.5, 0.5),
        (fault(), 2, 0.5, 1.0),
        (fault(), 3, 0.5, 1.5),  # at the cap
        (fault(), 1, 0.0, 0.0),
        (fault(), 4, 0.5, None),
        (fault(10), 1, 0.5, 10.5),
        (fault(0), 1, 0.5, 0.5),
        (fault(15.1), 1, 0.5, None),
        (fault(code=ErrorCode.MODEL_TIMEOUT), 1, 0.5, None),
        (ModelError(ErrorCode.MODEL_ERROR, "x", retryable=False), 1, 0.5, None),
    ],
)
def test_delays(error: ModelError, attempts: int, random: float, delay_s: float | None) -> None:
    assert POLICY.delay_s(error, attempts, lambda: random) == delay_s


@pytest.mark.parametrize(
    ("headers", "retry_after_s"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after": "7", "retry-after-ms": "250"}, 0.25),
        ({"retry-after": "Fri, 31 Dec 1999 23:59:59 GMT", "date": "Fri, 31 Dec 1999 23:59:29 GMT"}, 30),
        ({"retry-after": "Fri, 31 Dec 1999 23:59:29 GMT", "date": "Fri, 31 Dec 1999 23:59:59 GMT"}, 0),
        ({"retry-after": "Fri, 31 Dec 1999 23:59:59 GMT"}, None),
        ({"retry-after": "Fri, 31 Dec 1999 23:59:59", "date": "Fri, 31 Dec 1999 23:59:29 GMT"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "9" * 5000}, None),
        ({}, None),
    ],
)
def test_retry_after_headers(headers: dict[str, str], retry_after_s: float | None) -> None:
    assert error_of_status(429, b"", headers).retry_after_s == retry_after_s


def test_an_account_without_credit_is_not_retried() -> None:
    body = json.dumps({"error": {"code": "insufficient_quota"}}).encode()
    assert not error_of_status(429, body).retryable
    assert error_of_status(429, b"{}").retryable
