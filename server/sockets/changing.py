"""`mutation` from a device: told to the user's other devices, and taken into memory; what the device is told."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from server.devices import DeviceRegistry
from server.memory_service import AnswerMemory
from streaming.wire import ErrorCode, WsClientMutation, WsError, WsMutationRecord, WsPong

_REFUSED: Final = "Memory can't take this change just now; your other devices have it. Send it again later."


def change_entity(
    memory: AnswerMemory, registry: DeviceRegistry, user_id: UUID, device_id: UUID, frame: WsClientMutation
) -> WsError | None:
    """Pass the change on; the frame that answers when memory can't take it."""
    record = WsMutationRecord(op=frame.op, entity=frame.entity, id=frame.id, data=frame.data)
    registry.announce(user_id, record, origin=device_id)
    if memory.changed(user_id, record):
        return None
    return WsError(code=ErrorCode.MEMORY_UNAVAILABLE, message=_REFUSED, retryable=True)


async def pong_after_changes(memory: AnswerMemory, user_id: UUID) -> WsPong:
    """The answer to a ping: what was changed before it is on disk then, unless the database keeps it waiting."""
    await memory.committed(user_id)
    return WsPong()
