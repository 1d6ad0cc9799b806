"""Several processes that act as one server: the supervisor and its workers.

Queries between workers are in `server.peers`.
"""

from __future__ import annotations

from server.workers.supervisor import Supervisor, WorkerFailed, supervise
from server.workers.worker import run_worker

__all__ = [
    "Supervisor",
    "WorkerFailed",
    "run_worker",
    "supervise",
]
