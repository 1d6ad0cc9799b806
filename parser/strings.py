"""Reading the text of a text block as it arrives: prose in a JSON string, however its characters are cut.

Models forget to escape. Everything that can only be text is text; see `docs/parser.md` for the rules.
"""

from __future__ import annotations

import re
from enum import Enum

from parser.blocks import BlockType
from parser.heads import BLOCK_START, BLOCK_START_PREFIX, MEMBER, MEMBER_PREFIX
from parser.surrogates import REPLACEMENT
from parser.vocabulary import MEMBERS, SIGNS, known_key, unquoted

_SIMPLE = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_RUN = {quote: re.compile(rf"[^{quote}\\{{}}]+") for quote in "\"'"}
_HEX = frozenset("0123456789abcdefABCDEF")
# What may still become the second half of a surrogate pair: every prefix of `\uDC00` to `\uDFFF`.
_LOW_PREFIX = re.compile(r"\\(?:u(?:[dD](?:[c-fC-F][0-9a-fA-F]{0,2})?)?)?\Z")
_LOW = re.compile(r"\\u([dD][c-fC-F][0-9a-fA-F]{2})")
_SPACE = re.compile(r"[ \t\r\n]*")
_CLOSERS = re.compile(r"[}\] \t\r\n]*,?[ \t\r\n]*")
_STRUCTURE = frozenset(",]}[{`")
# Members such as `id` that may stand before those that show what a block is.
_OTHER_MEMBERS = 3
_SCALAR = re.compile(r'[ \t\r\n]*(?:"[^"\\\n]{0,64}"|[\w.+-]{1,24})')
_SCALAR_PREFIX = re.compile(r'[ \t\r\n]*(?:"[^"\\\n]{0,64})?\Z')


class Verdict(Enum):
    """The meaning of a character of the text that may be structure."""

    TEXT = "text"
    END = "end"
    MORE = "more"


class TextReader:
    """The text of one block, from after its opening quote.

    Every character that is certainly text leaves with the call that completed it. `kept` is what is not certain: an
    incomplete escape, or a quote or brace that may end the text, with the characters after it.
    """

    __slots__ = ("_braces", "_in_array", "_inner", "_most", "kept", "quote")

    def __init__(self, quote: str, lookahead: int, *, in_array: bool) -> None:
        """`quote` opened the text; `lookahead` bounds `kept`; `in_array` says that the block stands in an array."""
        self.quote = quote
        self._most = lookahead
        self._in_array = in_array
        self._inner = False  # whether a quotation inside the text is open
        self._braces = 0  # braces of the text that are open
        self.kept = ""

    def read(self, source: str, at: int, *, last: bool = False) -> tuple[str, int, bool]:
        """The text of `source` from `at`, how far it was read, and whether the text ended there.

        The characters after that position are not certain yet: give them again, in front of the next ones, unless the
        text ended. `last`: no more characters follow.
        """
        run = _RUN[self.quote]
        decoded: list[str] = []
        self.kept = ""
        size = len(source)
        while at < size:
            if plain := run.match(source, at):
                decoded.append(plain.group())
                at = plain.end()
                if at == size:
                    break
            character = source[at]
            if character == "\\":
                character, after = unescape(source, at, last=last)
                if not character:
                    self.kept = source[at:]
                    break
                decoded.append(character)
                at = after
                continue
            window = source[at : at + self._most]
            verdict, after = self._judge(character, window, last=last and at + len(window) == size)
            if verdict is Verdict.MORE and len(window) < self._most:
                self.kept = source[at:]
                break
            if verdict is Verdict.END:
                return "".join(decoded), at + after, True
            self._pass(character)
            decoded.append(character)
            at += 1
        return "".join(decoded), at, False

    def _pass(self, character: str) -> None:
        if character == self.quote:
            self._inner = not self._inner
        elif character == "{":
            self._braces += 1
        elif character == "}":
            self._braces = max(0, self._braces - 1)

    def _judge(self, character: str, window: str, *, last: bool) -> tuple[Verdict, int]:
        """What the character that `window` begins with is, and with END how much of the window was read."""
        if character == self.quote:
            return self._judge_quote(window, last=last), 1
        if character == "{":
            return _block_start(window, 0, last=last), 0
        after = _end(_CLOSERS, window, 1)
        if after == len(window):
            if not last:
                return Verdict.MORE, 0
            return (Verdict.TEXT if self._braces else Verdict.END), 0
        return (_block_start(window, after, last=last) if window[after] == "{" else Verdict.TEXT), 0

    def _judge_quote(self, window: str, *, last: bool) -> Verdict:
        """Whether the quote at the start of `window` ends the text: what follows must be JSON, and likely."""
        open_end = Verdict.END if last else Verdict.MORE
        at = _end(_SPACE, window, 1)
        if at == len(window):
            return open_end
        bracket = window[at]
        if bracket not in ",}]" or (bracket == "]" and not self._in_array):
            return Verdict.TEXT
        after = _end(_SPACE, window, at + 1)
        if after == len(window):
            return open_end
        following = window[after]
        if bracket == ",":
            return self._judge_member(window, after, last=last)
        if following == ",":
            beyond = _end(_SPACE, window, after + 1)
            if beyond == len(window):
                return open_end
            if self._inner:
                if window[beyond] != "{":
                    return Verdict.TEXT
                # After a brace in the text, the object may be one more example in it.
                start = _block_start if self._braces else _typed_object
                return start(window, beyond, last=last)
            return Verdict.END if window[beyond] in "{[\"'`,]}" else Verdict.TEXT
        if following in _STRUCTURE or "\n" in window[at + 1 : after]:
            return Verdict.END
        return Verdict.TEXT if self._inner or self._in_array or bracket == "]" else Verdict.END

    def _judge_member(self, window: str, at: int, *, last: bool) -> Verdict:
        following = window[at]
        if following == "{":
            return _block_start(window, at, last=last)
        if following in "}]":
            return Verdict.TEXT if self._inner else Verdict.END
        if following not in "\"'":
            return Verdict.TEXT
        member = MEMBER.match(window, at)
        if member is None:
            return Verdict.MORE if not last and MEMBER_PREFIX.match(window, at) else Verdict.TEXT
        if self._inner and (self._braces or not known_key(member["key"])):
            return Verdict.TEXT  # of an object in the text
        return Verdict.END


def _typed_object(window: str, at: int, *, last: bool) -> Verdict:
    """Whether an object with a known type begins at `at`, whatever its other members are."""
    if BLOCK_START.match(window, at):
        return Verdict.END
    return Verdict.MORE if not last and BLOCK_START_PREFIX.match(window, at) else Verdict.TEXT


def _block_start(window: str, at: int, *, last: bool) -> Verdict:
    """Whether a block begins at `at`: `{"type": "NAME"`, and a member of that block after at most a few others.

    An object with a type and no content is an example in the text.
    """
    open_end = Verdict.END if last else Verdict.MORE
    start = BLOCK_START.match(window, at)
    if start is None:
        return _typed_object(window, at, last=last)
    kind = BlockType(start["type"].lower())
    at = start.end()
    for _ in range(_OTHER_MEMBERS + 1):
        at = _end(_SPACE, window, at)
        if at == len(window):
            return open_end
        if window[at] != ",":
            return Verdict.TEXT
        at = _end(_SPACE, window, at + 1)
        member = MEMBER.match(window, at)
        if member is None:
            return open_end if at == len(window) or MEMBER_PREFIX.match(window, at) else Verdict.TEXT
        key = unquoted(member["key"].rstrip())
        if key in SIGNS[kind] or key in MEMBERS[kind]:
            return Verdict.END
        scalar = _SCALAR.match(window, member.end())
        if scalar is None:
            return open_end if _SCALAR_PREFIX.match(window, member.end()) else Verdict.TEXT
        at = scalar.end()
    return Verdict.TEXT


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match else at


def unescape(source: str, at: int, *, last: bool = False) -> tuple[str, int]:
    """The character of the escape at `at` and the position after it; no character when the escape is incomplete.

    An unknown escape gives the character itself. Unpaired surrogate halves, and what is incomplete at the `last`
    character, become U+FFFD.
    """
    size = len(source)
    if at + 1 == size:
        return ("\\", size) if last else ("", at)
    kind = source[at + 1]
    if kind != "u":
        return _SIMPLE.get(kind, kind), at + 2
    for index in range(at + 2, at + 6):
        if index == size:
            return (REPLACEMENT, size) if last else ("", at)
        if source[index] not in _HEX:
            return kind, at + 2
    code = int(source[at + 2 : at + 6], 16)
    if not 0xD800 <= code <= 0xDFFF:
        return chr(code), at + 6
    if code < 0xDC00:
        if low := _LOW.match(source, at + 6):
            return chr(0x10000 + ((code - 0xD800) << 10) + int(low.group(1), 16) - 0xDC00), at + 12
        if not last and (at + 6 == size or _LOW_PREFIX.match(source, at + 6)):
            return "", at
    return REPLACEMENT, at + 6


def unescaped(source: str) -> str:
    """All of `source`, the inside of a string, with its escapes replaced."""
    pieces: list[str] = []
    at = 0
    while (escape := source.find("\\", at)) >= 0:
        character, after = unescape(source, escape, last=True)
        pieces += source[at:escape], character
        at = after
    return "".join((*pieces, source[at:]))


_SPECIAL = re.compile(r'[\\"]')


class EncodedAnswer:
    """An answer that is written as one JSON string, from after its opening quote."""

    __slots__ = ("_cut", "closed")

    def __init__(self) -> None:
        self._cut = ""  # the escape that is not complete yet
        self.closed = False

    def decode(self, text: str, *, last: bool) -> str:
        """The next characters with their escapes replaced; unchanged after the quote that closes the string."""
        if self.closed:
            return text
        source = self._cut + text
        self._cut = ""
        pieces: list[str] = []
        at = 0
        while special := _SPECIAL.search(source, at):
            pieces.append(source[at : special.start()])
            at = special.start()
            if special.group() == '"':
                self.closed = True
                at += 1
                break
            character, after = unescape(source, at, last=last)
            if not character:
                self._cut = source[at:]
                return "".join(pieces)
            pieces.append(character)
            at = after
        return "".join((*pieces, source[at:]))
