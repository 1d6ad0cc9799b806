"""Devices that are connected to other servers of the same database: finding them, and passing frames to them.

Messages between servers are encrypted while they wait in the database.
"""

from __future__ import annotations

from server.relay.relay import Relay, open_relay

__all__ = [
    "Relay",
    "open_relay",
]
