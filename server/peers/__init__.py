"""The workers of one host as one server: queries between workers, merged metrics and the merged live tree.

The supervisor and the worker process themselves are in `server.workers`.
"""

from __future__ import annotations

from server.peers.overview import LiveServers, Overview

__all__ = [
    "LiveServers",
    "Overview",
]
