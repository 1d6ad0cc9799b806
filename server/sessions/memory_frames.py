"""Frames of a device about memory: a changed entity, a memory to forget."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import structlog

from memory import MAX_LISTED, MissingKeyShare, NoSuchUser, WrongMasterKey
from memory.delivery import LoggedChange
from person import StatedLocale, resolve_locale
from server.changes import record_change
from server.devices import DeviceRegistry
from server.memory_service import AnswerMemory, ChangeSource
from sql.driver import DatabaseUnavailable
from sql.pool import PoolTimeout
from streaming.wire import (
    ErrorCode,
    WsClientMutation,
    WsError,
    WsFrameType,
    WsMemoryForget,
    WsMemoryForgetPreview,
    WsMemoryForgotten,
    WsMemoryPreview,
    WsMutationAck,
    WsMutationRecord,
)

log = structlog.get_logger(__name__)

_REFUSED: Final = "The server can't store this change now, and has not passed it on. Send it again later."


def change_entity(
    memory: AnswerMemory,
    registry: DeviceRegistry,
    user_id: UUID,
    device_id: UUID,
    frame: WsClientMutation,
    locale: StatedLocale | None = None,
    *,
    size: int = 0,
    knows_quota: bool = False,
) -> WsError | None:
    """Record the change, then send it to the user's other devices. Returns an error frame if it can't be taken.

    `size`: characters of the frame. `knows_quota`: the client gives a change up for `quota_reached`. Others would send
    it again for ever, before all later ones, so their change is refused as `invalid_frame`.
    """
    # A deletion makes room, so it is always taken.
    refused = None if frame.op == "delete" else memory.change_refused(user_id)
    if refused is not None:
        return WsError(
            code=refused.code if knows_quota else ErrorCode.INVALID_FRAME,
            message=refused.message,
            retryable=refused.retryable,
            frame_type=WsFrameType.MUTATION,
            mutation_id=frame.mutation_id,
        )
    source = ChangeSource(device_id, None, frame.mutation_id, resolve_locale(locale).time_zone, size)
    record = WsMutationRecord(op=frame.op, entity=frame.entity, id=frame.id, data=frame.data)

    def settled(place: LoggedChange | None) -> None:
        origin = registry.find(user_id, device_id)
        if place is None or frame.mutation_id is None or origin is None:
            return
        if place.id_reused:
            origin.send_control(_id_reused(frame.mutation_id))
        else:
            origin.send_control(WsMutationAck(mutation_id=frame.mutation_id, change=place.number))

    if record_change(memory, registry, user_id, record, source, settled):
        return None
    return WsError(
        code=ErrorCode.MEMORY_UNAVAILABLE,
        message=_REFUSED,
        retryable=True,
        frame_type=WsFrameType.MUTATION,
        mutation_id=frame.mutation_id,
    )


async def forget_memory(
    memory: AnswerMemory, user_id: UUID, frame: WsMemoryForget | WsMemoryForgetPreview
) -> WsMemoryForgotten | WsMemoryPreview | WsError:
    """Remove one memory, or say what its removal would remove. Returns the frame that answers the device."""
    preview = isinstance(frame, WsMemoryForgetPreview)
    try:
        forgotten = await memory.forget(user_id, frame.memory_id, preview=preview)
    except (DatabaseUnavailable, PoolTimeout, NoSuchUser, WrongMasterKey, MissingKeyShare) as error:
        log.warning("memory_forget_failed", reason=type(error).__name__)
        return WsError(
            code=ErrorCode.MEMORY_UNAVAILABLE,
            message="Memory can't be reached now; try again.",
            retryable=True,
            frame_type=frame.type,
            memory_id=frame.memory_id,
        )
    if not forgotten:
        return WsError(
            code=ErrorCode.UNKNOWN_MEMORY,
            message=f"Memory has no {frame.memory_id}.",
            frame_type=frame.type,
            memory_id=frame.memory_id,
        )
    removed = {tier: list(ids[:MAX_LISTED]) for tier, ids in forgotten.removed.items()}
    lists = (list(ids[:MAX_LISTED]) for ids in (forgotten.restored, forgotten.redacted, forgotten.mentioned))
    restored, redacted, mentioned = lists
    if preview:
        return WsMemoryPreview(
            memory_id=frame.memory_id,
            tiers=forgotten.tiers,
            removed=removed,
            counts=forgotten.counts,
            restored=restored,
            redacted=redacted,
            mentioned=mentioned,
        )
    return WsMemoryForgotten(
        memory_id=frame.memory_id,
        tiers=forgotten.tiers,
        removed=removed,
        counts=forgotten.counts,
        restored=restored or None,
        redacted=redacted or None,
        mentioned=mentioned or None,
        unreadable_by=forgotten.unreadable_by,
    )


def _id_reused(mutation_id: UUID) -> WsError:
    return WsError(
        code=ErrorCode.INVALID_FRAME,
        message=f"mutation_id {mutation_id} belongs to another change. Send this change with a new mutation_id.",
        frame_type=WsFrameType.MUTATION,
        mutation_id=mutation_id,
    )
