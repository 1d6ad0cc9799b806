"""The requests of all servers in the database: each id is admitted once, and results can be fetched after a restart.

`KeptRequests` is what admission claims ids with, and where sessions keep the answers of ended requests.
"""

from __future__ import annotations

from server.kept.requests import KeptRequests, Servers

__all__ = ["KeptRequests", "Servers"]
