"""The parser's states, the signals that move it between them, and the whole transition table, in this one place.

`docs/parser.md` shows the table as a diagram made by `python -m parser diagram`. Three fast paths do the same as the
table for most tokens. In `TEXT`, a token without a quote, a backslash or a brace is a delta. In `STRUCTURE`, tokens
are held, braces are counted, and the block is decoded and validated when they balance. In `START` and `AFTER`, one
expression recognises the head of a block. At any doubt the held source goes through the table. `FastPath` has the state
that only the fast paths use.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class State(StrEnum):
    """Where in the model's answer the parser is."""

    START = "start"  # nothing but white space so far
    AFTER = "after"  # after a block: separators are skipped
    PROSE = "prose"  # text outside any block
    CODE = "code"  # in a code fence that holds no answer
    OBJECT = "object"  # in an object that may be a block or a wrapper: it is held
    TEXT = "text"  # in the text of a text block
    TAIL = "tail"  # in the members after a text, or after a wrapped block
    STRUCTURE = "structure"  # in a structured block: it is held
    SKIP = "skip"  # in a block that is too large
    CLOSED = "closed"


class Signal(StrEnum):
    """What moves the parser from one state to another."""

    WORDS = "anything else"
    FENCE = "fence of another language"
    FENCE_END = "fence ends"
    OPENED = "object opens"
    TEXT_OPENED = "text opens"
    TYPED = "structured type is known"
    INNER = "block inside it"
    FOREIGN = "no block"
    FOREIGN_IN_FENCE = "no block, in a fence"
    TEXT_END = "text ends"
    MEMBER = "another member"
    BLOCK_END = "block ends"
    TOO_LARGE = "too large"
    CLOSE = "close()"


_BETWEEN = {
    Signal.WORDS: State.PROSE,
    Signal.FENCE: State.CODE,
    Signal.OPENED: State.OBJECT,
    Signal.TEXT_OPENED: State.TEXT,
    Signal.TYPED: State.STRUCTURE,
    Signal.FENCE_END: State.AFTER,
    Signal.CLOSE: State.CLOSED,
}

TRANSITIONS: Mapping[State, Mapping[Signal, State]] = MappingProxyType(
    {
        State.START: _BETWEEN,
        State.AFTER: _BETWEEN | {Signal.MEMBER: State.TAIL},
        State.PROSE: _BETWEEN,
        State.CODE: {Signal.FENCE_END: State.PROSE, Signal.CLOSE: State.CLOSED},
        State.OBJECT: {
            Signal.TEXT_OPENED: State.TEXT,
            Signal.TYPED: State.STRUCTURE,
            Signal.INNER: State.AFTER,
            Signal.BLOCK_END: State.AFTER,
            Signal.FOREIGN: State.PROSE,
            Signal.FOREIGN_IN_FENCE: State.CODE,
            Signal.CLOSE: State.CLOSED,
        },
        State.TEXT: {Signal.TEXT_END: State.AFTER, Signal.CLOSE: State.CLOSED},
        State.TAIL: {Signal.INNER: State.AFTER, Signal.BLOCK_END: State.AFTER, Signal.CLOSE: State.CLOSED},
        State.STRUCTURE: {Signal.BLOCK_END: State.AFTER, Signal.TOO_LARGE: State.SKIP, Signal.CLOSE: State.CLOSED},
        State.SKIP: {Signal.BLOCK_END: State.AFTER, Signal.CLOSE: State.CLOSED},
        State.CLOSED: {},
    }
)


class FastPath:
    """The extra state of the fast paths: what `BlockParser.feed` looks at before anything else."""

    # With more than 30 attributes, an instance without slots pays for each access.
    __slots__ = ("_depth", "_heads", "_plain", "_room", "_waiting")

    def __init__(self) -> None:
        self._plain = ""
        """In `TEXT` with nothing kept back: the quote that opened the text."""
        self._room = 0
        """In `STRUCTURE`: how many more characters may be held without a look at the limits; 0 in any other state."""
        self._depth = 0
        """In `STRUCTURE`: braces that are open, counted without regard to strings."""
        self._waiting: list[str] = []
        """In `STRUCTURE`: the tokens that are held."""
        self._heads = True
        """In `START` and `AFTER`: whether one expression may tell the next block's head."""


def diagram() -> str:
    """Mermaid source: one arrow from a state to another for all signals that lead there; staying is left out."""
    lines = ["stateDiagram-v2", "    [*] --> start"]
    for state, following in TRANSITIONS.items():
        signals: dict[State, list[str]] = defaultdict(list)
        for signal, target in following.items():
            if target is not state:
                signals[target].append(signal.value)
        for target, leading in signals.items():
            lines.append(f"    {state.value} --> {target.value}: {', '.join(leading)}")
    lines += [
        "    text --> text: plain token (fast path)",
        "    structure --> structure: token without a closing brace (fast path)",
        "    structure --> after: braces balance and the block is valid (fast path)",
        "    start --> structure: head of a structured block (fast path)",
        "    after --> structure: head of a structured block (fast path)",
        "    closed --> [*]",
    ]
    return "\n".join(lines) + "\n"
