"""`memory_forget` from a device: one memory removed, and what the device is told."""

from __future__ import annotations

from uuid import UUID

import structlog

from memory.keys import MissingKeyShare, WrongMasterKey
from memory.vault import NoSuchUser
from server.memory_service import AnswerMemory
from sql.driver import DatabaseUnavailable
from sql.pool import PoolTimeout
from streaming.wire import ErrorCode, WsError, WsMemoryForgotten

log = structlog.get_logger(__name__)


async def forget_memory(memory: AnswerMemory, user_id: UUID, memory_id: UUID) -> WsMemoryForgotten | WsError:
    """Remove the memory; the frame that answers."""
    try:
        tiers = await memory.forget(user_id, memory_id)
    except (DatabaseUnavailable, PoolTimeout, NoSuchUser, WrongMasterKey, MissingKeyShare) as error:
        log.warning("memory_forget_failed", reason=type(error).__name__)
        return WsError(
            code=ErrorCode.MEMORY_UNAVAILABLE, message="Memory can't be reached just now; try again.", retryable=True
        )
    if not tiers:
        return WsError(code=ErrorCode.UNKNOWN_MEMORY, message=f"Memory has no {memory_id}.")
    return WsMemoryForgotten(memory_id=memory_id, tiers=tiers)
