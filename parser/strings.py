"""Decoding the content of a text block as it arrives, however its characters are cut."""

from __future__ import annotations

import re
from enum import Enum

from parser.surrogates import REPLACEMENT

_SIMPLE = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_RUN = re.compile(r'[^"\\\x00-\x1f]*')
# Text and short escapes, which is all that most strings have.
_EASY = re.compile(r'[^"\\\x00-\x1f]*(?:\\["\\/bfnrt][^"\\\x00-\x1f]*)*')
_SHORT_ESCAPE = re.compile(r"\\(.)")
_HEX = frozenset("0123456789abcdefABCDEF")
# What may still become the second half of a surrogate pair: every prefix of `\uDC00` to `\uDFFF`.
_LOW_PREFIX = re.compile(r"\\(?:u(?:[dD](?:[c-fC-F][0-9a-fA-F]{0,2})?)?)?\Z")
_LOW = re.compile(r"\\u([dD][c-fC-F][0-9a-fA-F]{2})")


class StringEnd(Enum):
    """How a call of `StringDecoder.decode` ended."""

    OPEN = "open"
    CLOSED = "closed"
    BAD = "bad"


class StringDecoder:
    """The inside of one JSON string, from after its opening quote.

    Every character that can be decoded leaves with the call that completed it; an incomplete escape, or the first half
    of a surrogate pair with what came of its second, is kept. Unpaired halves become U+FFFD.
    """

    __slots__ = ("kept",)

    def __init__(self) -> None:
        self.kept = ""  # the source characters of the escape that is not complete yet, at most 11

    def decode(self, text: str, position: int) -> tuple[str, int, StringEnd]:
        """Decode `text` from `position`: the decoded characters, the position reached, and how it ended.

        The position is after the closing quote when `CLOSED`, and that of the character that no JSON string may have
        there when `BAD`.
        """
        easy = None if self.kept else _EASY.match(text, position)
        if easy and (easy.end() == len(text) or text[easy.end()] == '"'):
            decoded_text = easy.group()
            if "\\" in decoded_text:
                decoded_text = _SHORT_ESCAPE.sub(_short, decoded_text)
            if easy.end() == len(text):
                return decoded_text, len(text), StringEnd.OPEN
            return decoded_text, easy.end() + 1, StringEnd.CLOSED
        shift = position - len(self.kept)
        source = self.kept + text[position:]
        self.kept = ""
        decoded: list[str] = []
        at = 0
        while True:
            run = _RUN.match(source, at)
            assert run is not None  # noqa: S101 - the pattern matches the empty string
            decoded.append(run.group())
            at = run.end()
            if at == len(source):
                return "".join(decoded), len(text), StringEnd.OPEN
            if source[at] == '"':
                return "".join(decoded), shift + at + 1, StringEnd.CLOSED
            if source[at] != "\\":
                return "".join(decoded), shift + at, StringEnd.BAD
            character, after = _escape(source, at)
            if character is None:
                if after == len(source):
                    self.kept = source[at:]
                    return "".join(decoded), len(text), StringEnd.OPEN
                return "".join(decoded), shift + after, StringEnd.BAD
            decoded.append(character)
            at = after


def decode_short(source: str) -> str:
    """`source`, inside a string and without a quote, decoded; empty if it needs more than short escapes."""
    return _SHORT_ESCAPE.sub(_short, source) if _EASY.fullmatch(source) else ""


def _short(escape: re.Match[str]) -> str:
    return _SIMPLE[escape.group(1)]


def _escape(source: str, at: int) -> tuple[str | None, int]:
    """The character of the escape at `at` and the position after it.

    `None` with the length of `source` when it is incomplete; `None` with the position of the fault when it is wrong.
    """
    if at + 1 == len(source):
        return None, len(source)
    kind = source[at + 1]
    if kind != "u":
        return (_SIMPLE[kind], at + 2) if kind in _SIMPLE else (None, at + 1)
    for index in range(at + 2, at + 6):
        if index == len(source) or source[index] not in _HEX:
            return None, index
    code = int(source[at + 2 : at + 6], 16)
    if not 0xD800 <= code <= 0xDFFF:
        return chr(code), at + 6
    if code < 0xDC00:
        if low := _LOW.match(source, at + 6):
            return chr(0x10000 + ((code - 0xD800) << 10) + int(low.group(1), 16) - 0xDC00), at + 12
        if at + 6 == len(source) or _LOW_PREFIX.match(source, at + 6):
            return None, len(source)
    return REPLACEMENT, at + 6
