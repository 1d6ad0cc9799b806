"""Device sessions: the requests, logs and calls of one device, which go on while the device has no socket.

A session belongs to a user and a device. Sockets (`server.sockets`) attach to it, and it sends from the requests' logs.
"""

from __future__ import annotations

from server.sessions.drain import drain_spread_ms
from server.sessions.features import LEDGER
from server.sessions.feed import Feed
from server.sessions.host import SessionHost
from server.sessions.kept import AnswersInMemory, KeptAnswer, KeptAnswers
from server.sessions.ledger import Ledger
from server.sessions.limits import SessionLimits
from server.sessions.mirrored_requests import OtherProcesses
from server.sessions.outbox import Outbox, Sender
from server.sessions.request_log import RequestLog
from server.sessions.running_request import RunningRequest
from server.sessions.session import Session
from server.sessions.view import View
from server.sessions.watcher import Watcher

__all__ = [
    "LEDGER",
    "AnswersInMemory",
    "Feed",
    "KeptAnswer",
    "KeptAnswers",
    "Ledger",
    "OtherProcesses",
    "Outbox",
    "RequestLog",
    "RunningRequest",
    "Sender",
    "Session",
    "SessionHost",
    "SessionLimits",
    "View",
    "Watcher",
    "drain_spread_ms",
]
