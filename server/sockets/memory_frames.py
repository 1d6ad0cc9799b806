"""Frames of a device about memory: a changed entity, a memory to forget, a ping that waits for changes."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import structlog

from memory import MissingKeyShare, NoSuchUser, WrongMasterKey
from server.devices import DeviceRegistry
from server.memory_service import AnswerMemory
from sql.driver import DatabaseUnavailable
from sql.pool import PoolTimeout
from streaming.wire import ErrorCode, WsClientMutation, WsError, WsMemoryForgotten, WsMutationRecord, WsPong

log = structlog.get_logger(__name__)

_REFUSED: Final = "Memory can't store this change now. Your other devices have received it. Send it again later."


def change_entity(
    memory: AnswerMemory, registry: DeviceRegistry, user_id: UUID, device_id: UUID, frame: WsClientMutation
) -> WsError | None:
    """Send the change to the user's other devices and to memory. Returns an error frame if memory can't take it."""
    record = WsMutationRecord(op=frame.op, entity=frame.entity, id=frame.id, data=frame.data)
    registry.announce(user_id, record, origin=device_id)
    if memory.changed(user_id, record):
        return None
    return WsError(code=ErrorCode.MEMORY_UNAVAILABLE, message=_REFUSED, retryable=True)


async def pong_after_changes(memory: AnswerMemory, user_id: UUID) -> WsPong:
    """The pong. Earlier changes are committed by then, unless the database takes longer than a second."""
    await memory.committed(user_id)
    return WsPong()


async def forget_memory(memory: AnswerMemory, user_id: UUID, memory_id: UUID) -> WsMemoryForgotten | WsError:
    """Remove one memory. Returns the frame that answers the device."""
    try:
        tiers = await memory.forget(user_id, memory_id)
    except (DatabaseUnavailable, PoolTimeout, NoSuchUser, WrongMasterKey, MissingKeyShare) as error:
        log.warning("memory_forget_failed", reason=type(error).__name__)
        return WsError(
            code=ErrorCode.MEMORY_UNAVAILABLE, message="Memory can't be reached now; try again.", retryable=True
        )
    if not tiers:
        return WsError(code=ErrorCode.UNKNOWN_MEMORY, message=f"Memory has no {memory_id}.")
    return WsMemoryForgotten(memory_id=memory_id, tiers=tiers)
