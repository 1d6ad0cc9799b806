"""Reads the item that a popup was opened on from the device, before the model is asked."""

from __future__ import annotations

import structlog

from agents.device import DeviceResult
from agents.turn import Scope, Turn
from server.devices import RemoteDevice
from server.requests import RequestFailed
from streaming.wire import ErrorCode, WsFailure

log = structlog.get_logger(__name__)


async def resolve_scope(scope: Scope, device: RemoteDevice, turn: Turn) -> None:
    """Put the item that `scope` names into `turn`, or the reason why it could not be read.

    Raises `RequestFailed` if the device says that it has no such item.
    """
    if scope.id is None:
        return
    found = await device.fetch(scope.type, scope.id)
    if not isinstance(found, DeviceResult):
        turn.scope = Scope(scope.type, scope.id, found)
        return
    if found.code == "not_found":
        message = f"The device has no {scope.type} with this id."
        raise RequestFailed(WsFailure(code=ErrorCode.SCOPE_NOT_FOUND, message=message, retryable=False))
    # The agent can still read the item with its tools, or say that the device is offline.
    log.info("scope_unresolved", outcome=found.outcome)
    turn.scope = Scope(scope.type, scope.id, unread=found.message)
