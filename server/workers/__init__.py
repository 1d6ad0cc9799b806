"""The processes of a server: the supervisor, its workers, and what each sets in its interpreter.

Queries between workers are in `server.peers`.
"""

from __future__ import annotations

from server.workers.deadline_heap import allow_stale_deadlines
from server.workers.garbage import FrozenObjects
from server.workers.supervisor import Supervisor, WorkerFailed, supervise
from server.workers.thread_switches import hasten_thread_switches
from server.workers.worker import run_worker

__all__ = [
    "FrozenObjects",
    "Supervisor",
    "WorkerFailed",
    "allow_stale_deadlines",
    "hasten_thread_switches",
    "run_worker",
    "supervise",
]
