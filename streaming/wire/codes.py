"""Error codes and close codes of the device protocol. Clients switch on these; values are stable."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class ErrorCode(StrEnum):
    """`code` of an `error` frame and of `stream_end.error`."""

    INVALID_FRAME = "invalid_frame"
    UNKNOWN_TYPE = "unknown_type"
    ALREADY_READY = "already_ready"
    DUPLICATE_REQUEST = "duplicate_request"
    UNKNOWN_REQUEST = "unknown_request"
    UNKNOWN_CALL = "unknown_call"
    TOO_MANY_REQUESTS = "too_many_requests"
    MESSAGE_TOO_LONG = "message_too_long"
    RATE_LIMITED = "rate_limited"
    BUDGET_SPENT = "budget_spent"
    UNAUTHORIZED = "unauthorized"
    SERVER_DRAINING = "server_draining"
    MODEL_BUSY = "model_busy"
    MODEL_UNAVAILABLE = "model_unavailable"
    MODEL_ERROR = "model_error"
    MODEL_CUT = "model_cut"
    MODEL_TIMEOUT = "model_timeout"
    EMPTY_ANSWER = "empty_answer"
    ANSWER_CUT = "answer_cut"
    REQUEST_TIMEOUT = "request_timeout"
    SERVER_LOST = "server_lost"
    RESUME_EXPIRED = "resume_expired"
    LOG_OVERFLOW = "log_overflow"
    SCOPE_NOT_FOUND = "scope_not_found"
    UNKNOWN_MEMORY = "unknown_memory"
    MEMORY_UNAVAILABLE = "memory_unavailable"
    QUOTA_REACHED = "quota_reached"
    INTERNAL = "internal"


class CloseCode(IntEnum):
    """Close codes of the device socket. 40xx: reconnect. 45xx: do not, except 4502 with a new token and 4504."""

    NORMAL = 1000
    POLICY_VIOLATION = 1008
    MESSAGE_TOO_BIG = 1009
    INTERNAL_ERROR = 1011
    TRY_AGAIN_LATER = 1013
    HEARTBEAT_LOST = 4000
    DRAINING = 4001
    TOO_SLOW = 4008
    PROTOCOL_BROKEN = 4500
    UNAUTHORIZED = 4501
    TOKEN_EXPIRED = 4502
    NO_COMMON_VERSION = 4503
    HELLO_TIMEOUT = 4504
    REPLACED = 4510
    TOO_MANY_SOCKETS = 4511
    TOO_MANY_DEVICES = 4512
