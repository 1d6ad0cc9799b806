"""Devices that are connected to other servers of the same database: finds them and sends them frames.

Messages between servers are encrypted while they wait in the database.
"""

from __future__ import annotations

from server.relay.relay import Relay, open_relay

__all__ = [
    "Relay",
    "open_relay",
]
