"""The repair of unpaired surrogates, which JSON can spell and UTF-8 cannot. Applied where foreign text comes in.

A device that cuts a title by UTF-16 units, or a model whose token ends inside an emoji, sends half of a surrogate pair.
A `str` that holds one cannot be encoded, so it must not get past the entry.
"""

from __future__ import annotations

import re

REPLACEMENT = "\ufffd"
_SURROGATE = re.compile("[\ud800-\udfff]")
# Every escape of a JSON text, so that a backslash that is itself escaped begins none. A pair is one match.
_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)


def well_formed(text: str) -> str:
    """`text` with its surrogate pairs joined to characters, and each unpaired surrogate replaced by U+FFFD."""
    if text.isascii() or _SURROGATE.search(text) is None:
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def well_formed_json(source: str) -> str:
    """`source`, a JSON text, with each escape of an unpaired surrogate replaced by that of U+FFFD.

    Nothing else is changed, and `source` need not be valid.
    """
    if "\\ud" not in source and "\\uD" not in source:
        return well_formed(source)
    return _ESCAPE.sub(lambda escape: r"\ufffd" if escape[1] else escape[0], well_formed(source))


class SurrogateMender:
    """`well_formed` for text that comes in pieces: pairs that are cut between two pieces are joined too."""

    __slots__ = ("held",)

    def __init__(self) -> None:
        self.held = ""

    def mend(self, text: str, *, last: bool = False) -> str:
        """`text` without surrogates. A first half at its end is held for the next call, unless this is the `last`."""
        if self.held:
            text = self.held + text
            self.held = ""
        if text.isascii() or _SURROGATE.search(text) is None:
            return text
        if not last and "\ud800" <= text[-1] <= "\udbff":
            self.held = text[-1]
            text = text[:-1]
        return well_formed(text)
