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
    r"|\\u[0-9a-fA-F]{4}|\\.|\\",
    re.DOTALL,
)
_GOOD_STRING = re.compile(r'[^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*)*')
_ESCAPE_SIZE = 6  # of `\uXXXX`
_CUT_ESCAPE = re.compile(
    r"\\(?:u[0-9a-fA-F]{0,3}|u[dD][89abAB][0-9a-fA-F]{2}(?:\\(?:u(?:[dD](?:[c-fC-F][0-9a-fA-F]?)?)?)?)?)?\Z"
)
_DECODED = re.compile(r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|[^u])", re.DOTALL)


class StringSplitter:
    """Whether a block's source is inside a string, and which of its characters may be sent to ijson already."""

    __slots__ = (
        "_cut",
        "_limit",
        "_unsent_at",
        "_was_inside",
        "inside",
        "look_at",
        "opened_at",
        "source",
        "stalled",
        "text",
    )

    def __init__(self, limit: int) -> None:
        self.source = bytearray()  # all that was tracked, in UTF-8
        self.inside = False
        self.stalled = False  # inside a string that is kept back until it closes
        self.opened_at = 0  # where in the source the open string's content begins
        self.look_at = limit  # the size of the source from which the open string may be too long
        self.text = ""  # what was sent last
        self._limit = limit
        self._unsent_at = -1  # where in the source what is kept back begins
        self._cut = ""  # the incomplete escape in which what is kept back ends
        self._was_inside = False

    def track(self, text: str) -> bytes:
        """Take the next characters; returns what to send, perhaps nothing."""
        data = text.encode()
        self.source += data
        if self._unsent_at >= 0:
            if self.stalled and not self._must_send(text):
                return b""
            data = bytes(self.source[self._unsent_at :])
            text = data.decode()
            self.stalled = False
            self._cut = ""
            self._unsent_at = -1
        self.text = text
        self._was_inside = self.inside
        if "\\" in text:
            return self._track_escapes(text)
        if '"' in text:
            if text.count('"') & 1:
                self.inside = not self.inside
            if self.inside:
                self._open(len(self.source) - len(data) + data.rfind(b'"') + 1)
        return data

    def stall(self) -> None:
        """The last characters lay inside one string: send no more of it until it closes."""
        self.stalled = True
        if self._unsent_at < 0:
            self._unsent_at = len(self.source)

    def end_of_string(self, text: str, position: int) -> int:
        """Where the string that is open at `position` closes: the position after its quote, or the end of `text`."""
        end = _rest_of_string(text, position + 1 if self._cut == "\\" else position)
        return end + 1 if text[end : end + 1] == '"' else len(text)

    def after_brace(self, number: int) -> str:
        """What follows the brace that closed the last of `number` objects in the text tracked last."""
        text = self.text
        if text.count("}") == number:
            return text[text.rindex("}") + 1 :]
        start = _rest_of_string(text, 0) + 1 if self._was_inside else 0
        for token in _BRACE_OR_STRING.finditer(text, start):
            if token.group() == "}":
                number -= 1
                if number == 0:
                    return text[token.end() :]
        raise AssertionError("ijson closed an object whose brace is not in the text")

    def too_long(self) -> bool:
        """Whether the open string has more decoded characters than the limit allows. Ask past `look_at`, not before."""
        raw = self.source[self.opened_at :].decode()
        decoded = len(_DECODED.sub("x", raw)) - self._incomplete(raw)
        # No escape is shorter than what it stands for, so the next look is due when the rest could be used up.
        self.look_at = len(self.source) + self._limit - decoded
        return decoded > self._limit

    @staticmethod
    def _incomplete(raw: str) -> int:
        rest = _DECODED.sub("", raw)
        cut = rest.rfind("\\")
        return len(rest) - cut if cut >= 0 and _CUT_ESCAPE.match(rest, cut) else 0

    def _open(self, at: int) -> None:
        self.opened_at = at
        self.look_at = at + self._limit

    def _must_send(self, text: str) -> bool:
        """Whether the string that is kept back closes in `text`, or breaks off there with what no string may have."""
        if '"' not in text and "\\" not in text and text.isprintable() and not self._cut:
            return False
        text = self._cut + text
        good = _GOOD_STRING.match(text)
        end = good.end() if good else 0
        self._cut = text[end:]
        return end < len(text) and _CUT_ESCAPE.match(text, end) is None

    def _track_escapes(self, text: str) -> bytes:
        pieces: list[str] = []
        for match in _PIECE.finditer(text):
            piece = match.group()
            if piece == '"':
                self.inside = not self.inside
                if self.inside:
                    self._open(len(self.source) - len(text[match.end() :].encode()))
            elif piece[0] == "\\" and self.inside:
                if _CUT_ESCAPE.match(text, match.start()):
                    self._unsent_at = len(self.source) - (len(text) - match.start())  # an escape is ASCII
                    held = text[match.start() :]
                    self._cut = held[_ESCAPE_SIZE:] if len(held) >= _ESCAPE_SIZE else held
                    break
                if piece == "\\u":
                    pieces.append(text[match.start() :])  # too few digits: ijson must see what stands in their place
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
