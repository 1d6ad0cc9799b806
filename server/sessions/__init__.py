"""Device sessions: the requests, logs and calls of one device, which go on while the device has no socket.

A session belongs to a user and a device. Sockets (`server.sockets`) attach to it, and it sends from the requests' logs.
"""

from __future__ import annotations

from server.sessions.calls import LEDGER
from server.sessions.host import SessionHost
from server.sessions.kept import AnswersInMemory, KeptAnswer, KeptAnswers
from server.sessions.limits import SessionLimits
from server.sessions.outbox import Outbox, Sender
from server.sessions.session import Session, View

__all__ = [
    "LEDGER",
    "AnswersInMemory",
    "KeptAnswer",
    "KeptAnswers",
    "Outbox",
    "Sender",
    "Session",
    "SessionHost",
    "SessionLimits",
    "View",
]
