"""Device sockets: the WebSocket listener, the handshake, and the view of a device's session that each socket is.

Only this package touches a device's socket; `websocket.py` alone names the WebSocket library.
"""

from __future__ import annotations

from server.sockets.gate import DeviceGate
from server.sockets.handover import Handover
from server.sockets.handshake_limit import HandshakeLimit
from server.sockets.listener import serve_device_sockets
from server.sockets.user_sockets import UserSockets
from server.sockets.websocket import DEVICE_PATH

__all__ = [
    "DEVICE_PATH",
    "DeviceGate",
    "Handover",
    "HandshakeLimit",
    "UserSockets",
    "serve_device_sockets",
]
