"""The first frame of a socket: `device_ready`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from server.changes import Missed
from server.sessions.kept import KeptAnswer
from server.sessions.limits import SessionLimits
from streaming.wire import WsDeviceReady, WsLimits, WsRequestState


def device_ready(
    session_id: UUID,
    user_id: UUID,
    limits: SessionLimits,
    outcome: str,
    *,
    kept: Sequence[KeptAnswer],
    running: Collection[UUID],
    lost: Mapping[UUID, str],
    missed: Missed | None,
) -> WsDeviceReady:
    """The frame. `outcome` is that of the resume; `lost` holds the reasons of answers that are no longer kept."""
    states = {one: WsRequestState(request_id=one, state="lost", reason=why) for one, why in lost.items()}
    for answer in kept:
        states[answer.result.request_id] = _state(answer)
    for request_id in running:
        states[request_id] = WsRequestState(request_id=request_id, state="running")
    return WsDeviceReady.model_validate(
        {
            "session_id": session_id,
            "user_id": user_id,
            "heartbeat_s": limits.heartbeat_s,
            "limits": WsLimits(
                max_frame_bytes=limits.max_frame_bytes,
                max_concurrent_requests=limits.max_concurrent_requests,
                max_message_chars=limits.max_message_chars,
                resume_grace_s=limits.resume_grace_s,
            ),
            "resume": outcome,
            "requests": list(states.values()),
            "changes": None if missed is None else missed.state,
        }
    )


def _state(kept: KeptAnswer) -> WsRequestState:
    result = kept.result
    reason = None if result.error is None else result.error.code.value
    return WsRequestState(request_id=result.request_id, state=result.status, reason=reason)
