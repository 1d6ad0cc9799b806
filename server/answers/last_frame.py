"""The last frame of an answer: how it ended, what was changed, what it cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from agents.turn import Turn
from person import WEEKDAYS, Locale
from streaming.wire import (
    WsAnswerLocale,
    WsFailure,
    WsMemoryUsed,
    WsMutationRecord,
    WsStreamEnd,
    WsUsage,
    failure_with_text,
)

Status = Literal["completed", "cancelled", "failed"]
"""How an accepted request ends."""


def last_frame(
    request_id: UUID,
    turn: Turn,
    status: Status,
    *,
    shown: int,
    mutations: Sequence[WsMutationRecord],
    memory_used: list[WsMemoryUsed] | None,
    failure: WsFailure | None,
    not_stored: WsFailure | None = None,
) -> WsStreamEnd:
    """The `stream_end` frame of a request that was not refused. `shown`: the number of blocks with text or data.

    `not_stored`: why the exchange is not in memory.
    """
    usage, locale = turn.usage, turn.locale
    return WsStreamEnd(
        request_id=request_id,
        status=status,
        finish=turn.finish,
        shown=shown,
        mutations=list(mutations),
        memory_used=memory_used,
        usage=WsUsage(
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cached_tokens=usage.cached_tokens or None,
        ),
        locale=_answer_locale(locale),
        error=None if failure is None else failure_with_text(failure, locale.language),
        not_stored=None if not_stored is None else failure_with_text(not_stored, locale.language),
    )


def _answer_locale(locale: Locale) -> WsAnswerLocale:
    return WsAnswerLocale.model_validate(
        {
            "time_zone": locale.time_zone,
            "time_zone_source": locale.time_zone_source,
            "language": locale.language,
            "week_start": WEEKDAYS[locale.week_start],
            "hour_cycle": locale.hour_cycle,
        }
    )
