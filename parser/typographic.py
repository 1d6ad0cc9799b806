"""Objects that are quoted with typographic quotes: they become JSON while they arrive.

Such an object begins with a key like `“type”`, or with a type like `"type": “table”`. Its typographic quotes become
straight ones where JSON needs a quote. Inside a text they stay as they are.
"""

from __future__ import annotations

import re

_DOUBLE = "“”„‟″＂"
_SINGLE = "‘’‚‛′"
_QUOTES = _DOUBLE + _SINGLE
_KEY = rf"[{_QUOTES}](?P<key>[^{_QUOTES}\"'\\\n{{}}]{{1,64}})[{_QUOTES}]\s{{0,64}}:"
_TYPE = rf"[\"']?type[\"']?\s{{0,64}}:\s{{0,64}}[{_QUOTES}]"

TYPOGRAPHIC_START = re.compile(rf"\{{\s{{0,64}}(?:{_KEY}|{_TYPE})")
"""The beginning of such an object. The group `key` is its first key, or None if the key has straight quotes."""
TYPOGRAPHIC_PREFIX = re.compile(
    rf"\{{\s{{0,64}}(?:[{_QUOTES}](?:[^{_QUOTES}\"'\\\n{{}}]{{0,64}}|[^{_QUOTES}\"'\\\n{{}}]{{1,64}}[{_QUOTES}]\s{{0,64}}))\Z"
)
"""What may become the beginning of an object whose first key has typographic quotes."""

_OUTSIDE = re.compile(rf"[^{_QUOTES}\"{{}}]+")
_INSIDE = re.compile(rf"[^{_QUOTES}\"\\]+")
_S = r"\s{0,64}"
# The text after a quote that ends a string. A comma alone is not enough: it also follows a quotation in a text.
_ENDING = re.compile(rf"{_S}(?:[:}}\]]|,{_S}(?:[{_QUOTES}\"'\[{{}}\]0-9-]|true|false|null|True|False|None))")
_ENDING_PREFIX = re.compile(
    rf"{_S}(?:,{_S}(?:t(?:ru?)?|f(?:a(?:ls?)?)?|n(?:ul?)?|T(?:ru?)?|F(?:a(?:ls?)?)?|N(?:on?)?)?)?\Z"
)


class StraightQuotes:
    """One object with typographic quotes, from its `{` on."""

    __slots__ = ("_depth", "_held", "_string", "closed")

    def __init__(self) -> None:
        self._depth = 0  # braces that are open, outside strings
        self._string = ""  # the quotes of which one closes the string that is open
        self._held = ""  # what is not certain yet: a quote with the characters after it, or a backslash
        self.closed = False
        """Whether the object is over. Further text is not changed."""

    def decode(self, text: str, *, last: bool) -> str:
        """The next characters, with straight quotes around keys and strings. `last`: no more characters follow."""
        if self.closed:
            return text
        text = self._held + text
        self._held = ""
        pieces: list[str] = []
        at = 0
        while at < len(text):
            if run := (_INSIDE if self._string else _OUTSIDE).match(text, at):
                pieces.append(run.group())
                at = run.end()
                continue
            character = text[at]
            if not self._string:
                pieces.append(self._outside(character))
                at += 1
                if self._depth == 0:
                    self.closed = True
                    pieces.append(text[at:])
                    break
            elif character == "\\":
                if at + 1 == len(text) and not last:
                    self._held = character
                    break
                pieces.append(text[at : at + 2])
                at += 2
            else:
                ends = self._ends(text, at, last=last)
                if ends is None:
                    self._held = text[at:]
                    break
                if ends:
                    self._string = ""
                    character = '"'
                elif character == '"':
                    character = '\\"'
                pieces.append(character)
                at += 1
        return "".join(pieces)

    def _outside(self, character: str) -> str:
        if character in _QUOTES or character == '"':
            kinds = (_DOUBLE, _SINGLE, '"')
            self._string = next(kind for kind in kinds if character in kind)
            return '"'
        self._depth += 1 if character == "{" else -1
        return character

    def _ends(self, text: str, at: int, *, last: bool) -> bool | None:
        """Whether the quote at `at` ends the string; None if more text decides."""
        if text[at] not in self._string:
            return False
        if _ENDING.match(text, at + 1):
            return True
        if _ENDING_PREFIX.match(text, at + 1):
            return True if last else None
        return False
