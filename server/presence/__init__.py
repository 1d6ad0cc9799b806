"""Which servers of the database run. Every server records its heartbeats, also those that relay nothing."""

from __future__ import annotations

from server.presence.marks import ServerMarks
from server.presence.presence import HEARTBEAT_S, STALE_S, Presence
from server.presence.table import Beat, ServerTable

__all__ = [
    "HEARTBEAT_S",
    "STALE_S",
    "Beat",
    "Presence",
    "ServerMarks",
    "ServerTable",
]
