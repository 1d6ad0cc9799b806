"""ijson's push interface: the one place that names a backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ijson
from ijson.common import JSONError

try:
    from ijson.backends import yajl2_c as _backend
except ImportError:  # no wheel for this platform: slower, and still correct
    _backend = ijson

JsonEvent = tuple[str, Any]
"""(`map_key` `string` `number` `boolean` `null` `start_map` `end_map` `start_array` `end_array`, value)"""


class PushError(Exception):
    """The JSON is wrong. `number` says that it is a number no Python value can hold."""

    def __init__(self, *, number: bool) -> None:
        super().__init__("number out of range" if number else "invalid JSON")
        self.number = number


class _EventList(list[JsonEvent]):
    """What an ijson coroutine sends its events to."""

    send = list.append


def open_push() -> tuple[list[JsonEvent], Callable[[bytes], None]]:
    """A list that events are added to, and the function that takes the next bytes of one JSON value.

    The function takes no empty bytes, and nothing after it raised `PushError`.
    """
    events = _EventList()
    send = _backend.basic_parse_coro(events).send

    def push(data: bytes) -> None:
        try:
            send(data)
        except JSONError:
            raise PushError(number=False) from None
        except SystemError:
            # int() refused the digits (sys.set_int_max_str_digits) inside yajl2_c, which went on to make an event
            # whose value is a null pointer: it must not be looked at.
            events.pop()
            raise PushError(number=True) from None
        except (ArithmeticError, ValueError) as error:
            raise PushError(number=not isinstance(error, UnicodeError)) from None

    return events, push
