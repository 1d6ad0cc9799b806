"""The limits of one device session and its socket."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """Times in seconds. `log_bytes` bounds the log of one request, `session_log_bytes` those of one session."""

    max_frame_bytes: int
    max_concurrent_requests: int
    max_message_chars: int
    frames_per_s: float
    frames_burst: int
    outbox_bytes: int
    outbox_stall_s: float
    heartbeat_s: float
    resume_grace_s: float = 120.0
    log_bytes: int = 4 << 20
    session_log_bytes: int = 16 << 20
