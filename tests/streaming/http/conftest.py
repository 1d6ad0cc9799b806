"""The two HTTP transports, which must behave alike."""

from __future__ import annotations

import ssl
from typing import Any

import httpx
import pytest

from streaming.http import HttptoolsTransport
from tests.streaming.http.transports import TransportFactory


@pytest.fixture(params=["httptools", "httpx"])
def new_transport(request: pytest.FixtureRequest) -> TransportFactory:
    def build(**options: Any) -> httpx.AsyncBaseTransport:
        options.setdefault("verify", ssl.create_default_context())
        if request.param == "httptools":
            return HttptoolsTransport(**options)
        return httpx.AsyncHTTPTransport(**options, trust_env=False)

    return build
