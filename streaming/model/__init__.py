"""Calling a model over HTTP: one call, retries, the circuit breaker, failover, and recordings.

Errors come out as `ModelError` with a code of the protocol.
"""

from __future__ import annotations

from streaming.model.breaker import CircuitBreaker, State
from streaming.model.chat_model import (
    ChatModel,
    HttpTransport,
    ModelConfig,
    open_http_client,
)
from streaming.model.direct import DirectBatches, TakeText
from streaming.model.errors import ModelError, NoPlace, OtherShape
from streaming.model.failover import FailoverModel, StreamingModel
from streaming.model.recorder import RecordedModel
from streaming.model.retry import RetryPolicy

__all__ = [
    "ChatModel",
    "CircuitBreaker",
    "DirectBatches",
    "FailoverModel",
    "HttpTransport",
    "ModelConfig",
    "ModelError",
    "NoPlace",
    "OtherShape",
    "RecordedModel",
    "RetryPolicy",
    "State",
    "StreamingModel",
    "TakeText",
    "open_http_client",
]
