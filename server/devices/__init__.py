"""The connected devices, and the calls of tools that run on them.

Devices are only looked up by their user's id, so no call reaches another user's device.
"""

from __future__ import annotations

from server.devices.calls import RemoteDevice, ToolTimeouts
from server.devices.registry import (
    DeviceLink,
    DeviceRegistry,
    DeviceSide,
)
from server.devices.replies import DeviceGone, PendingReplies

__all__ = [
    "DeviceGone",
    "DeviceLink",
    "DeviceRegistry",
    "DeviceSide",
    "PendingReplies",
    "RemoteDevice",
    "ToolTimeouts",
]
