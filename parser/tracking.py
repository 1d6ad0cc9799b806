"""Keeping track of strings in a block's source, so that ijson is given what it can take.

yajl rescans an unfinished string with every call, and mistakes unpaired surrogate escapes. So a string that spans
calls is sent when it closes, an escape or surrogate pair only when it is whole, and an unpaired half as U+FFFD.
"""

from __future__ import annotations

import re

_STRING_REST = re.compile(r'[^"\\]*(?:\\.[^"\\]*)*', re.DOTALL)
_BRACE_OR_STRING = re.compile(r'\}|"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_PIECE = re.compile(
    r'[^"\\]+|"'
    r"|\\u(?P<high>[dD][89abAB][0-9a-fA-F]{2})(?:\\u(?P<low>[dD][c-fC-F][0-9a-fA-F]{2}))?"
    r"|\\u(?P<lone>[dD][c-fC-F][0-9a-fA-F]{2})"
    r"|\\.|\\",
    re.DOTALL,
)
_CUT_ESCAPE = re.compile(
    r"\\(?:u[0-9a-fA-F]{0,3}|u[dD][89abAB][0-9a-fA-F]{2}(?:\\(?:u(?:[dD](?:[c-fC-F][0-9a-fA-F]?)?)?)?)?)?\Z"
)
_DECODED = re.compile(r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|[^u])", re.DOTALL)


class StringTracker:
    """Whether the source is inside a string, and which of its characters may be sent to ijson already."""

    __slots__ = (
        "_backslash",
        "_check_at",
        "_limit",
        "_opened_at",
        "_text",
        "_unsent",
        "_was_inside",
        "inside",
        "stalled",
    )

    def __init__(self, limit: int) -> None:
        self.inside = False
        self._limit = limit
        self._unsent: list[str] = []
        self.stalled = False  # inside a string that is kept back until it closes
        self._backslash = False  # the kept part ends in a backslash that escapes what comes next
        self._opened_at = 0  # where in the source, in bytes, the open string's content begins
        self._check_at = limit  # its length in bytes at which it may be too long
        self._text = ""
        self._was_inside = False

    def track(self, text: str, size: int) -> bytes:
        """Take the next characters, after which the source has `size` bytes; returns what to send, perhaps nothing."""
        if self.stalled and not self._closes(text):
            self._unsent.append(text)
            return b""
        self.stalled = False
        if self._unsent:
            text = "".join(self._unsent) + text
            self._unsent.clear()
        self._text = text
        self._was_inside = self.inside
        if "\\" in text:
            return self._track_escapes(text, size)
        data = text.encode()
        if data.count(b'"') & 1:
            self.inside = not self.inside
        if self.inside and (quote := data.rfind(b'"')) >= 0:
            self._open(size - len(data) + quote + 1)
        return data

    def stall(self) -> None:
        """The last characters lay inside one string: send no more of it until it closes."""
        self.stalled = True
        self._backslash = self._ends_in_backslash()

    def end_of_string(self, text: str, position: int) -> int:
        """Where the string that is open at `position` closes: the position after its quote, or the end of `text`."""
        if self._backslash if self.stalled else self._ends_in_backslash():
            position += 1
        end = _rest_of_string(text, position)
        return end + 1 if text[end : end + 1] == '"' else len(text)

    def after_brace(self, number: int) -> str:
        """What follows the brace that closed the last of `number` objects in the text tracked last."""
        text = self._text
        start = _rest_of_string(text, 0) + 1 if self._was_inside else 0
        for token in _BRACE_OR_STRING.finditer(text, start):
            if token.group() == "}":
                number -= 1
                if number == 0:
                    return text[token.end() :]
        raise AssertionError("ijson closed an object whose brace is not in the text")

    def too_long(self, source: bytearray) -> bool:
        """Whether the open string has more decoded characters than the limit allows."""
        written = len(source) - self._opened_at
        if written <= self._check_at:
            return False
        raw = source[self._opened_at :].decode()
        decoded = len(_DECODED.sub("x", raw)) - self._incomplete(raw)
        # No escape is shorter than what it stands for, so the next look is due when the rest could be used up.
        self._check_at = written + self._limit - decoded
        return decoded > self._limit

    @staticmethod
    def _incomplete(raw: str) -> int:
        rest = _DECODED.sub("", raw)
        cut = rest.rfind("\\")
        return len(rest) - cut if cut >= 0 and _CUT_ESCAPE.match(rest, cut) else 0

    def _ends_in_backslash(self) -> bool:
        # What is unsent and not stalled is one cut escape: an even number of backslashes never ends it.
        return bool(self._unsent) and self._unsent[-1].endswith("\\")

    def _open(self, at: int) -> None:
        self._opened_at = at
        self._check_at = self._limit

    def _closes(self, text: str) -> bool:
        if '"' not in text and "\\" not in text:
            self._backslash = False
            return False
        end = _rest_of_string(text, 1 if self._backslash else 0)
        self._backslash = text[end:] == "\\"
        return text[end : end + 1] == '"'

    def _track_escapes(self, text: str, size: int) -> bytes:
        pieces: list[str] = []
        for match in _PIECE.finditer(text):
            piece = match.group()
            if piece == '"':
                self.inside = not self.inside
                if self.inside:
                    self._open(size - len(text[match.end() :].encode()))
            elif piece[0] == "\\" and self.inside:
                if _CUT_ESCAPE.match(text, match.start()):
                    self._unsent.append(text[match.start() :])
                    break
                if match["low"]:
                    piece = chr(0x10000 + ((int(match["high"], 16) - 0xD800) << 10) + int(match["low"], 16) - 0xDC00)
                elif match["high"] or match["lone"]:
                    piece = "\\ufffd"
            pieces.append(piece)
        return "".join(pieces).encode()


def _rest_of_string(text: str, position: int) -> int:
    """Where the inside of a string ends: at its closing quote, at a backslash with nothing after it, or at the end."""
    rest = _STRING_REST.match(text, min(position, len(text)))
    return rest.end() if rest else position
