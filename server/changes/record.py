"""Records a change, and announces it to the user's devices once it is in the log."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from memory.delivery import LoggedChange
from server.devices import DeviceRegistry
from server.memory_service import AnswerMemory, ChangeSource
from streaming.wire import WsMutationRecord


def record_change(
    memory: AnswerMemory,
    registry: DeviceRegistry,
    user_id: UUID,
    record: WsMutationRecord,
    source: ChangeSource,
    settled: Callable[[LoggedChange | None], None],
) -> bool:
    """Queue the change for memory and the log. Returns False, and announces nothing, if the queue is full.

    When the change is committed, the user's other devices get it with its number. A change that can't be stored is
    announced without a number. A change whose id belongs to another change is neither stored nor announced. `settled`
    is then called with the change's place in the log, or with None. It must not raise.
    """

    def logged(place: LoggedChange | None) -> None:
        if place is None or not place.id_reused:
            number = None if place is None else place.number
            registry.announce(user_id, record, origin=source.device_id, request_id=source.request_id, change=number)
        settled(place)

    return memory.changed(user_id, record, source, logged)
