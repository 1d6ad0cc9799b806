"""Every error code of the pipeline has an HTTP status."""

from __future__ import annotations

import pytest

from server.rest.errors import STATUS_OF, ChatFailed, rate_limited, unauthorized
from streaming.wire import WsFailure, WsMutationRecord, WsStreamEnd, WsUsage
from streaming.wire.codes import ErrorCode
from tests.server.rest.rest_server import REQUEST


def test_every_code_has_a_status_that_is_an_error() -> None:
    assert set(STATUS_OF) == set(ErrorCode)
    assert all(400 <= status < 600 for status in STATUS_OF.values())


@pytest.mark.parametrize("code", list(ErrorCode))
def test_a_failed_answer_keeps_its_code_and_what_it_changed(code: ErrorCode) -> None:
    mutation = WsMutationRecord(op="delete", entity="task", id="t1", data=None)
    failure = WsFailure(code=code, message="So it is.", retryable=True)
    end = WsStreamEnd(
        request_id=REQUEST,
        status="failed",
        mutations=[mutation],
        usage=WsUsage(input_tokens=7, output_tokens=2),
        error=failure,
    )
    error = ChatFailed(end)
    assert error.status == STATUS_OF[code]
    assert error.body().model_dump(mode="json") == {
        "error": {"code": code.value, "message": "So it is.", "retryable": True},
        "request_id": str(REQUEST),
        "mutations": [{"op": "delete", "entity": "task", "id": "t1"}],
        "usage": {"input_tokens": 7, "output_tokens": 2},
    }


def test_a_cancelled_answer_is_retryable() -> None:
    error = ChatFailed(WsStreamEnd(request_id=REQUEST, status="cancelled", usage=None, error=None))
    assert (error.status, error.detail.code, error.detail.retryable) == (503, "cancelled", True)


@pytest.mark.parametrize(("wait_s", "header"), [(0.001, "1"), (1.0, "1"), (1.2, "2"), (59.01, "60")])
def test_retry_after_is_never_too_early(wait_s: float, header: str) -> None:
    assert rate_limited(wait_s).headers == {"Retry-After": header}


def test_a_challenge_is_one_header() -> None:
    error = unauthorized("Who?", challenge='error="invalid_token"')
    assert error.headers == {"WWW-Authenticate": 'Bearer realm="tessera", error="invalid_token"'}
