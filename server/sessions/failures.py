"""Why the server ends requests that have not failed themselves."""

from __future__ import annotations

from typing import Final

from streaming.wire import ErrorCode, WsFailure

EXPIRED: Final = WsFailure(
    code=ErrorCode.RESUME_EXPIRED,
    message="The device did not come back in time, so the request was ended.",
    retryable=True,
)
ACCESS_ENDED: Final = WsFailure(
    code=ErrorCode.UNAUTHORIZED,
    message="The device was revoked or the account deleted, so the request was ended.",
    retryable=False,
)
STOPPED: Final = WsFailure(
    code=ErrorCode.SERVER_DRAINING,
    message="The server stopped before the request had ended. Try again.",
    retryable=True,
)
