"""The HTTP routes: accounts, chat without a socket, memory, health, metrics and the OpenAPI document.

`app.py` combines the routes; `services.py` lists everything that they use from outside.
"""

from __future__ import annotations

from server.rest.app import build_app
from server.rest.playground import Playground, read_page
from server.rest.readiness import ReadinessChecks
from server.rest.services import RestLimits, RestServices

__all__ = [
    "Playground",
    "ReadinessChecks",
    "RestLimits",
    "RestServices",
    "build_app",
    "read_page",
]
