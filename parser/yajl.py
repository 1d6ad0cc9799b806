"""ijson's push interface: the one place that names a backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# There is no falling back to ijson's other backends: they name and place faults differently, and complain when a
# block is left unfinished.
from ijson.backends.yajl2_c import basic_parse_basecoro
from ijson.common import JSONError

JsonEvent = tuple[str, Any]
"""(`map_key` `string` `number` `boolean` `null` `start_map` `end_map` `start_array` `end_array`, value)"""


PUSH_ERRORS = (JSONError, ArithmeticError, ValueError, SystemError)
"""What a push raises for wrong JSON, and for a number that no Python value can hold. Nothing may be pushed after it."""


class JsonEvents(list[JsonEvent]):
    """What an ijson coroutine sends its events to."""

    send = list.append


def open_push(events: JsonEvents) -> Callable[[bytes], object]:
    """The function that takes the next bytes of one JSON value, at least one, and adds to `events`.

    It raises one of `PUSH_ERRORS`; `discard_broken_event` must follow before the events are looked at.
    """
    push: Callable[[bytes], object] = basic_parse_basecoro(events).send
    return push


def discard_broken_event(error: Exception, events: JsonEvents) -> bool:
    """Make `events` safe to read after `error`; returns whether the fault is a number out of range."""
    if isinstance(error, SystemError):
        # int() refused the digits (sys.set_int_max_str_digits) inside yajl2_c, which went on to make an event whose
        # value is a null pointer: it must not be looked at.
        events.pop()
        return True
    return not isinstance(error, JSONError | UnicodeError)
