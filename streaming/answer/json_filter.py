"""Removes JSON that a model wrote by mistake from text that is shown while it arrives."""

from __future__ import annotations

import json
import re
from typing import Any, Final

# Where JSON may begin. People do not write these in prose: `{"`, `["`, `[{`, `[[`, `{}` - and not "[1]" or "{name}".
_OPENING: Final = re.compile(r"""[\[{]\s*(?:["{\[}]|$)""")
_DECODER: Final = json.JSONDecoder()
MAX_HELD: Final = 16_384
"""The longest possible JSON value that is held back, in characters; longer text is shown."""


class JsonFilter:
    """Text in, text without whole JSON objects and arrays out. `feed` in order, then `close` once.

    An object whose only value is a string is treated as a wrapped answer: its string is returned. Text that only
    looked like JSON is returned unchanged, as soon as that is known.
    """

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> str:
        """The text that can be shown now."""
        if not self._held and "{" not in text and "[" not in text:
            return text
        return self._take(self._held + text, last=False)

    def close(self) -> str:
        """The rest of the text at its end. Only incomplete JSON is dropped."""
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
    """Whether more text could repair `error`: it is at the end of the text, or in a string that is not closed yet."""
    if not isinstance(error, json.JSONDecodeError):
        return False
    return error.msg.startswith(("Unterminated string", "Invalid \\\\u")) or error.pos >= len(text.rstrip()) - 5


def _words(value: Any) -> str:
    """The string of an object whose only value is a string; otherwise ""."""
    if isinstance(value, dict) and len(value) == 1:
        (only,) = value.values()
        if isinstance(only, str):
            return only
    return ""
