"""The records of a person's devices, and what is kept for them: the results of requests, and the log of changes.

Contents are encrypted with the user's key. They are kept for a limited time only, and erasing memory removes them.
"""

from __future__ import annotations

from memory.delivery.answers import KeptAnswers, KeptRequest, RequestState, RequestTimes, request_purpose
from memory.delivery.changes import Change, ChangeLog, LoggedChange, MissedChanges, NumberedChange, change_purpose
from memory.delivery.devices import ClientRecord, DeviceRecord, DeviceRecords, TooManyDevices

__all__ = [
    "Change",
    "ChangeLog",
    "ClientRecord",
    "DeviceRecord",
    "DeviceRecords",
    "KeptAnswers",
    "KeptRequest",
    "LoggedChange",
    "MissedChanges",
    "NumberedChange",
    "RequestState",
    "RequestTimes",
    "TooManyDevices",
    "change_purpose",
    "request_purpose",
]
