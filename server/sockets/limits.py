"""The limits of one device socket."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """Times in seconds."""

    max_frame_bytes: int
    max_concurrent_requests: int
    max_message_chars: int
    frames_per_s: float
    frames_burst: int
    outbox_bytes: int
    outbox_stall_s: float
    heartbeat_s: float
