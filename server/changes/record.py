"""Records a change, and announces it to the user's devices once it is in the log."""

from __future__ import annotations

from uuid import UUID

from server.devices import DeviceRegistry
from server.memory_service import AnswerMemory, ChangeSource
from streaming.wire import WsMutationAck, WsMutationRecord


def record_change(
    memory: AnswerMemory, registry: DeviceRegistry, user_id: UUID, record: WsMutationRecord, source: ChangeSource
) -> bool:
    """Queue the change for memory and the log. Returns False, and announces nothing, if the queue is full.

    When the change is committed, the user's other devices get it with its number, and a device that gave it an id gets
    `mutation_ack`. A change that can't be stored is announced without a number, and is not acknowledged.
    """

    def logged(number: int | None) -> None:
        registry.announce(user_id, record, origin=source.device_id, request_id=source.request_id, change=number)
        if number is None or source.mutation_id is None or source.device_id is None:
            return
        origin = registry.find(user_id, source.device_id)
        if origin is not None:
            origin.send_control(WsMutationAck(mutation_id=source.mutation_id, change=number))

    return memory.changed(user_id, record, source, logged)
