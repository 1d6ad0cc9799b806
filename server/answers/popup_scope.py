"""What a popup was opened on, read from the device before the model is asked."""

from __future__ import annotations

import structlog

from agents.device import DeviceResult
from agents.turn import Scope, Turn
from server.devices import RemoteDevice
from server.requests import RequestFailed
from streaming.wire import ErrorCode, WsFailure

log = structlog.get_logger(__name__)


async def resolve_scope(scope: Scope, device: RemoteDevice, turn: Turn) -> None:
    """Put the item that `scope` names into `turn`, or why it could not be read.

    Raises `RequestFailed` when the device says that it has no such item.
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
    # The agent can still ask for the item by its tools, or say that the device is away.
    log.info("scope_unresolved", outcome=found.outcome)
    turn.scope = Scope(scope.type, scope.id, unread=found.message)
