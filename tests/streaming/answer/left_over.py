"""What a home formatter shows instead of the blocks that were rejected."""

from __future__ import annotations

from streaming.answer import HomeFormatter
from streaming.wire import StreamText, WsStreamBlock


def rest(formatter: HomeFormatter, replaced: set[int] | None = None) -> list[StreamText | WsStreamBlock]:
    """What is shown instead of the rejected blocks, by index. A second call shows nothing."""
    degraded = formatter.degrade(replaced or ())
    answered = formatter.answered
    said = formatter.say_unshown(formatter.take_unshown())
    assert (formatter.degrade(), formatter.take_unshown()) == ([], {})
    assert formatter.answered == answered
    assert formatter.shown == answered + len(said)
    return sorted([*degraded, *said], key=lambda frame: frame.block)
