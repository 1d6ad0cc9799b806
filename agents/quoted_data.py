"""Data as JSON of bounded length. What does not fit is left out by whole entries, and counted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

_LEFT_OUT: Final = "left_out"
_CUT: Final = "... [cut]"
_SHORTEST: Final = 40


def within(data: Mapping[str, Any], max_chars: int) -> str:
    """`data` as JSON of at most about `max_chars` characters, on one line.

    The longest list loses entries at its end, then the next one, until the text fits. `left_out` counts them by the
    name of the list. If no list is left, long texts are cut. The result is always valid JSON.
    """
    text = _dump(data)
    if len(text) <= max_chars:
        return text
    kept: dict[str, Any] = json.loads(text)
    left_out: dict[str, int] = {}
    while len(text) > max_chars and (found := _longest_list(kept, "")):
        _, name, entries = found
        # Half of the entries at a time would lose too many, one at a time takes too long for long lists.
        gone = max(1, int(len(entries) * min(0.5, 1 - max_chars / len(text)) / 2))
        del entries[-gone:]
        left_out[name] = left_out.get(name, 0) + gone
        text = _dump({**kept, _LEFT_OUT: left_out})
    longest = max_chars
    while len(text) > max_chars and longest > _SHORTEST:
        longest //= 2
        kept = _shortened(kept, longest)
        text = _dump({**kept, **({_LEFT_OUT: left_out} if left_out else {})})
    return text if len(text) <= max_chars else _dump({_LEFT_OUT: "everything: it is too long"})


def _longest_list(value: Any, name: str) -> tuple[int, str, list[Any]] | None:
    """The list with the most text of those that have entries: its length, the name of its field, and itself."""
    found: list[tuple[int, str, list[Any]]] = []
    if isinstance(value, dict):
        found = [longest for key, one in value.items() if (longest := _longest_list(one, str(key))) is not None]
    elif isinstance(value, list) and value:
        found = [(len(_dump(value)), name, value)]
    return max(found, key=lambda one: one[0], default=None)


def _shortened(value: Any, most: int) -> Any:
    if isinstance(value, dict):
        return {key: _shortened(one, most) for key, one in value.items()}
    return value[:most] + _CUT if isinstance(value, str) and len(value) > most else value


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
