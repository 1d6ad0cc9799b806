"""What the tests of both HTTP transports share: a client for each, and certificates of their peers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

from tests.streaming.http.peer import (
    certificates,
)

TransportFactory = Callable[..., httpx.AsyncBaseTransport]
CERTIFICATES = certificates("127.0.0.1", "model.example")


def client_of(transport: httpx.AsyncBaseTransport, **options: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=transport, **{"timeout": None, **options})
