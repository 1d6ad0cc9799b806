"""The connected devices, the calls of tools that run on them, and the approvals that these calls wait for.

Devices are only looked up by their user's id, so no call reaches another user's device.
"""

from __future__ import annotations

from server.devices.approvals import APPROVALS, OpenApproval, OpenApprovals
from server.devices.calls import RemoteDevice, ToolTimeouts
from server.devices.changes import change_of, changes_data, stated_change
from server.devices.days import NO_LOCALE, DeviceLocale, read_days, write_days
from server.devices.registry import (
    DeviceLink,
    DeviceRegistry,
    DeviceSide,
)
from server.devices.replies import DeviceGone, PendingReplies

__all__ = [
    "APPROVALS",
    "NO_LOCALE",
    "DeviceGone",
    "DeviceLink",
    "DeviceLocale",
    "DeviceRegistry",
    "DeviceSide",
    "OpenApproval",
    "OpenApprovals",
    "PendingReplies",
    "RemoteDevice",
    "ToolTimeouts",
    "change_of",
    "changes_data",
    "read_days",
    "stated_change",
    "write_days",
]
