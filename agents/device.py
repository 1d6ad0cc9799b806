"""Calls to the device and their results: the boundary between the agents and the server, which owns the sockets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Protocol

DEVICE_TOOLS: Final = frozenset(
    f"list_{entity}s" if verb == "list" else f"{verb}_{entity}"
    for verb in ("list", "get", "create", "update", "delete")
    for entity in ("task", "project", "note", "checkpoint")
)
"""The twenty tools of a device: five verbs for each of the four entities."""


class Outcome(StrEnum):
    """How a device call ended. Every call has exactly one outcome.

    `EDITED` is possible only for a call that asked for approval: the person changed the arguments, and the device has
    not run the call. `UNKNOWN`: the device started the call, and it is not known whether it was completed; it must not
    be repeated automatically.
    """

    ANSWERED = "answered"
    EDITED = "edited"
    ERROR = "error"
    DENIED = "denied"
    DEADLINE = "deadline"
    CANCELLED = "cancelled"
    DEVICE_OFFLINE = "device_offline"
    DEVICE_GONE = "device_gone"
    UNKNOWN = "outcome_unknown"


@dataclass(frozen=True, slots=True)
class DeviceCall:
    """One of the twenty device tools (`list_tasks`, `delete_note`, ...) with its arguments."""

    tool: str
    args: Mapping[str, Any]
    requires_approval: bool = False
    deadline_s: float | None = None


@dataclass(frozen=True, slots=True)
class DeviceResult:
    """`data` is the device's answer with `ANSWERED`, and the changed arguments with `EDITED`.

    With any other outcome `code` and `message` tell the model what went wrong.
    """

    outcome: Outcome
    data: Any = None
    code: str = ""
    message: str = ""

    @property
    def ok(self) -> bool:
        return self.outcome is Outcome.ANSWERED


class DeviceExecutor(Protocol):
    """Runs calls on one person's device for one request."""

    async def execute(self, call: DeviceCall) -> DeviceResult:
        """Run `call` and return its one result.

        Failures of the device, the person's refusal and network errors are outcomes, not exceptions. Raises only
        `trio.Cancelled`, after the device has been told to withdraw the call.
        """
        ...
