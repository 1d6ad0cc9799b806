"""What a model call is for, in the `metadata` field of the chat API: at most 16 short strings, outside the prompt.

The prompt is for the model alone. A program between the server and the model reads this field instead: the built-in
demo model does. Dialects send it only where the model's configuration allows it, so it costs a real model no tokens.
It holds nothing that the person wrote.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agents.turn import Turn
from person import WEEKDAYS
from streaming.answer import RejectedBlock

_PREFIX = "tessera_"


def route_metadata() -> Mapping[str, str]:
    """The call that chooses the agent."""
    return {_PREFIX + "call": "route"}


def answer_metadata(agent_name: str, turn: Turn) -> dict[str, str]:
    """A call that may answer.

    `now_ms` is the time that the prompt states, in epoch milliseconds. `time_zone` (an IANA name) and `week_start` (an
    English weekday) are the person's. `open` is the entity of the popup's item; the prompt then has the item's data as
    JSON in a fence with that name (`agents.prompt_text.quote`).
    """
    metadata = {
        "call": "answer",
        "agent": agent_name,
        "mode": turn.mode,
        "now_ms": str(turn.now_ms),
        "time_zone": turn.locale.time_zone,
        "week_start": WEEKDAYS[turn.locale.week_start],
    }
    if turn.scope is not None and turn.scope.item is not None:
        metadata["open"] = turn.scope.type
    return {_PREFIX + name: value for name, value in metadata.items()}


def repair_metadata(answer: Mapping[str, str], rejected: Sequence[RejectedBlock]) -> dict[str, str]:
    """The call that asks again for `rejected` blocks of the answer that a call with the metadata `answer` wrote.

    `blocks` has their types, separated by commas; a type that is not known is empty.
    """
    types = ",".join(block.block_type or "" for block in rejected)
    return {**answer, _PREFIX + "call": "repair", _PREFIX + "blocks": types}
