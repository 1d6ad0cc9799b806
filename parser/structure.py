"""Holding a structured block until its braces balance."""

from __future__ import annotations

import re

from parser.heads import BLOCK_START, BLOCK_START_PREFIX

_IN_STRING = re.compile(r'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_TO_BRACE = re.compile(r'[^"{}]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"{}]*+)*+', re.DOTALL)
_RAW_TO_BRACE = re.compile(r"[^{}]*+")
_WINDOW = 64  # characters of a block's start that may be cut


class Structure:
    """Finds the end of a structured block: where its braces close, outside strings.

    A block whose strings do not close ends where the next block begins. Nothing is scanned twice.
    """

    __slots__ = ("_escaped", "_raw", "bytes", "depth", "inside", "parts", "size", "starts")

    def __init__(self, *, raw: bool) -> None:
        """`raw`: the block quotes its strings with `'`; braces in its strings count then."""
        self._raw = raw
        self.depth = 0
        self.inside = False  # a string
        self._escaped = False
        self.parts: list[str] = []  # the source that was taken
        self.size = 0  # characters of it
        self.bytes = 0  # of it in UTF-8
        self.starts: list[int] = []  # where in the source another block may have begun

    def take(self, text: str, at: int, *, last: bool = False) -> tuple[int, bool]:
        """Take characters from `at`: the position reached, and whether the block is over there.

        What may be the beginning of the next block, at the end of `text`, is not taken unless it is the `last`.
        """
        base = self.size
        end = len(text)
        if not last:
            tail = text.rfind("{", max(at, end - _WINDOW))
            if tail >= at and (tail > at or base) and BLOCK_START_PREFIX.match(text, tail):
                end = tail
        begin = at
        for start in BLOCK_START.finditer(text, at, len(text)):
            where = start.start()
            if where >= end or (where == begin and not base):
                continue
            at, done = self._scan(text, at, where)
            if done or self.inside:
                return self._taken(text, begin, at), True
            self.starts.append(base + where - begin)
        at, done = self._scan(text, at, end)
        return self._taken(text, begin, at), done

    def _taken(self, text: str, begin: int, at: int) -> int:
        part = text[begin:at]
        self.parts.append(part)
        self.size += at - begin
        self.bytes += at - begin if part.isascii() else len(part.encode())
        return at

    def _scan(self, text: str, at: int, end: int) -> tuple[int, bool]:
        if self._escaped and at < end:
            self._escaped = False
            at += 1
        to_brace = _RAW_TO_BRACE if self._raw else _TO_BRACE
        while at < end:
            if self.inside:
                run = _IN_STRING.match(text, at, end)
                at = run.end() if run else at
                if at == end:
                    break
                self._escaped = text[at] == "\\"
                self.inside = self._escaped
                at += 1
                continue
            run = to_brace.match(text, at, end)
            at = run.end() if run else at
            if at == end:
                break
            character = text[at]
            at += 1
            if character == '"':
                self.inside = True
            elif character == "{":
                self.depth += 1
            else:
                self.depth -= 1
                if self.depth == 0:
                    return at, True
        return at, False
