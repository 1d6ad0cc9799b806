"""The processes of a server: the supervisor, its workers, and the garbage collection of each process.

Queries between workers are in `server.peers`.
"""

from __future__ import annotations

from server.workers.garbage import FrozenObjects
from server.workers.supervisor import Supervisor, WorkerFailed, supervise
from server.workers.worker import run_worker

__all__ = [
    "FrozenObjects",
    "Supervisor",
    "WorkerFailed",
    "run_worker",
    "supervise",
]
