"""Keeps JSON that a model wrote by mistake out of text that is shown as it comes."""

from __future__ import annotations

import json
import re
from typing import Any, Final

# Where JSON may begin that nobody writes in prose: `{"`, `["`, `[{`, `[[`, `{}` - and not "[1]" or "{name}".
_OPENING: Final = re.compile(r"""[\[{]\s*(?:["{\[}]|$)""")
_DECODER: Final = json.JSONDecoder()
MAX_HELD: Final = 16_384
"""Characters of a possible JSON value that are held back; what is longer comes out as text."""


class JsonFilter:
    """Text in, text without whole JSON objects and arrays out. `feed` in order, then `close` once.

    An object whose only value is a string is taken for a wrapped answer: its string comes out. What only looked like
    JSON comes out unharmed, as soon as that is known.
    """

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> str:
        """The text that can be shown now."""
        if not self._held and "{" not in text and "[" not in text:
            return text
        return self._take(self._held + text, last=False)

    def close(self) -> str:
        """The end: JSON that was cut is dropped, and so is nothing else."""
        return self._take(self._held, last=True)

    def _take(self, text: str, *, last: bool) -> str:
        self._held = ""
        shown: list[str] = []
        at = 0
        while (opening := _OPENING.search(text, at)) is not None:
            shown.append(text[at : opening.start()])
            at = opening.start()
            try:
                value, end = _DECODER.raw_decode(text, at)
            except (ValueError, RecursionError) as error:
                if _may_go_on(error, text) and not last and len(text) - at <= MAX_HELD:
                    self._held = text[at:]
                    return "".join(shown)
                if last and _may_go_on(error, text) and len(text) - at > 1:
                    return "".join(shown)
                shown.append(text[at])
                at += 1
            else:
                shown.append(_words(value))
                at = end
        shown.append(text[at:])
        return "".join(shown)


def _may_go_on(error: Exception, text: str) -> bool:
    """Whether more text could mend `error`: it stands at the end, or in a string that has none yet."""
    if not isinstance(error, json.JSONDecodeError):
        return False
    return error.msg.startswith(("Unterminated string", "Invalid \\\\u")) or error.pos >= len(text.rstrip()) - 5


def _words(value: Any) -> str:
    """The one string of an object that has nothing else; otherwise nothing."""
    if isinstance(value, dict) and len(value) == 1:
        (only,) = value.values()
        if isinstance(only, str):
            return only
    return ""
