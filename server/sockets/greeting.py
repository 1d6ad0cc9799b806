"""The server's first frame on a device socket."""

from __future__ import annotations

from uuid import UUID

from server.sockets.handshake import Hello
from server.sockets.limits import SessionLimits
from streaming.wire import WsDeviceReady, WsLimits


def greeting(session_id: UUID, hello: Hello, limits: SessionLimits) -> WsDeviceReady:
    """What a device that has said `hello` is told about its session."""
    return WsDeviceReady(
        session_id=session_id,
        user_id=hello.identity.user_id,
        heartbeat_s=limits.heartbeat_s,
        limits=WsLimits(
            max_frame_bytes=limits.max_frame_bytes,
            max_concurrent_requests=limits.max_concurrent_requests,
            max_message_chars=limits.max_message_chars,
        ),
        resume="lost" if hello.resume_asked else "new",
    )
