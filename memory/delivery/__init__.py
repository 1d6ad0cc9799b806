"""What is kept until a person's devices have received it: the results of requests, and the log of changes.

Contents are encrypted with the user's key. Both are kept for a limited time only, and erasing memory removes them.
"""

from __future__ import annotations

from memory.delivery.answers import KeptAnswers, KeptRequest, RequestState, request_purpose
from memory.delivery.changes import Change, ChangeLog, LoggedChange, MissedChanges, NumberedChange, change_purpose

__all__ = [
    "Change",
    "ChangeLog",
    "KeptAnswers",
    "KeptRequest",
    "LoggedChange",
    "MissedChanges",
    "NumberedChange",
    "RequestState",
    "change_purpose",
    "request_purpose",
]
