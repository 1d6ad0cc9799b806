"""The connected devices, and calling the tools that run on them.

A user's devices are found by that user's id only, so no call crosses users.
"""

from __future__ import annotations

from server.devices.calls import RemoteDevice, ToolTimeouts
from server.devices.pending import DeviceGone, PendingReplies
from server.devices.registry import (
    DeviceLink,
    DeviceRegistry,
    DeviceSide,
)

__all__ = [
    "DeviceGone",
    "DeviceLink",
    "DeviceRegistry",
    "DeviceSide",
    "PendingReplies",
    "RemoteDevice",
    "ToolTimeouts",
]
