"""The parser's states, the signals that move it between them, and the whole transition table, in this one place.

`docs/parser.md` shows the table as a diagram made by `python -m parser diagram`.

A character outside a block becomes the signal `CHARACTERS` gives it (`OTHER` if none); inside a block the parser
itself says what happened. Where a state has no transition for a character, the text held since `START`, `AFTER` or
`PROSE` was left is no block: it is given back as prose (`NOT_A_BLOCK`).
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
    TICK = "tick"  # one backtick that may open or close a fence
    TICKS = "ticks"  # two of them
    FENCE_INFO = "fence info"  # the rest of a fence's opening line
    FENCED = "fenced"  # the lines after it
    ARRAY = "array"  # after `[`
    EMPTY_ARRAY = "empty array"  # after `[]`
    OBJECT = "object"  # after `{`
    KEY = "key"  # in the object's first key
    KEY_ESCAPE = "key escape"  # after a backslash in it
    KEY_END = "key end"  # after its closing quote
    HEAD = "head"  # in a block whose type is not known yet
    MEMBERS = "members"  # in a text block, outside its content
    TEXT = "text"  # in the content of a text block
    STRUCTURE = "structure"  # in a block of another type
    WRAPPER_END = "wrapper end"  # in a wrapper object, after its array of blocks
    SKIP = "skip"  # in a refused block whose JSON is good so far
    RESYNC = "resync"  # in a refused block whose JSON is broken
    CLOSED = "closed"


class Signal(StrEnum):
    """What moves the parser from one state to another."""

    SPACE = "space"
    NEWLINE = "newline"
    QUOTE = '"'
    BACKSLASH = "backslash"
    COMMA = ","
    COLON = ":"
    OPEN_OBJECT = "{"
    CLOSE_OBJECT = "}"
    OPEN_ARRAY = "["
    CLOSE_ARRAY = "]"
    BACKTICK = "backtick"
    WORD = "word"
    CONTROL = "control"
    OTHER = "other"
    NOT_A_BLOCK = "not a block"
    FENCE_END = "fence end"
    TYPE_TEXT = "type is text"
    TYPE_OTHER = "type is another"
    CONTENT = "content opens"
    STRING_END = "content ends"
    BLOCK_END = "block ends"
    WRAPPER = "array of blocks"
    WRAPPER_TAIL = "array of blocks ends"
    REFUSED = "refused"
    BROKEN = "broken JSON"
    BLOCK_SEEN = "next block seen"
    CLOSE = "close()"


_LETTERS = "abcdefghijklmnopqrstuvwxyz"

CHARACTERS: Mapping[str, Signal] = MappingProxyType(
    dict.fromkeys(map(chr, range(32)), Signal.CONTROL)
    | dict.fromkeys(_LETTERS + _LETTERS.upper() + "0123456789_-", Signal.WORD)
    | {
        " ": Signal.SPACE,
        "\t": Signal.SPACE,
        "\r": Signal.SPACE,
        "\n": Signal.NEWLINE,
        '"': Signal.QUOTE,
        "\\": Signal.BACKSLASH,
        ",": Signal.COMMA,
        ":": Signal.COLON,
        "{": Signal.OPEN_OBJECT,
        "}": Signal.CLOSE_OBJECT,
        "[": Signal.OPEN_ARRAY,
        "]": Signal.CLOSE_ARRAY,
        "`": Signal.BACKTICK,
    }
)

_SPACES = (Signal.SPACE, Signal.NEWLINE)
_IN_A_KEY = (
    Signal.SPACE,
    Signal.COMMA,
    Signal.COLON,
    Signal.OPEN_OBJECT,
    Signal.CLOSE_OBJECT,
    Signal.OPEN_ARRAY,
    Signal.CLOSE_ARRAY,
    Signal.BACKTICK,
    Signal.WORD,
    Signal.OTHER,
)
_IN_PROSE = (*_IN_A_KEY, Signal.NEWLINE, Signal.QUOTE, Signal.BACKSLASH, Signal.CONTROL)
_OPENERS = {Signal.OPEN_ARRAY: State.ARRAY, Signal.OPEN_OBJECT: State.OBJECT, Signal.BACKTICK: State.TICK}
_GIVE_BACK = {Signal.NOT_A_BLOCK: State.PROSE, Signal.CLOSE: State.CLOSED}
_REFUSE = {Signal.REFUSED: State.SKIP, Signal.BROKEN: State.RESYNC, Signal.CLOSE: State.CLOSED}

TRANSITIONS: Mapping[State, Mapping[Signal, State]] = MappingProxyType(
    {
        State.START: dict.fromkeys(_IN_PROSE, State.PROSE)
        | dict.fromkeys(_SPACES, State.START)
        | _OPENERS
        | {Signal.CLOSE: State.CLOSED},
        State.AFTER: dict.fromkeys(_IN_PROSE, State.PROSE)
        | dict.fromkeys((*_SPACES, Signal.COMMA, Signal.CLOSE_ARRAY, Signal.CLOSE_OBJECT), State.AFTER)
        | _OPENERS
        | {Signal.WRAPPER_TAIL: State.WRAPPER_END, Signal.CLOSE: State.CLOSED},
        State.PROSE: dict.fromkeys(_IN_PROSE, State.PROSE) | _OPENERS | {Signal.CLOSE: State.CLOSED},
        State.TICK: {Signal.BACKTICK: State.TICKS} | _GIVE_BACK,
        State.TICKS: {Signal.BACKTICK: State.FENCE_INFO, Signal.FENCE_END: State.AFTER} | _GIVE_BACK,
        State.FENCE_INFO: {
            Signal.WORD: State.FENCE_INFO,
            Signal.SPACE: State.FENCE_INFO,
            Signal.NEWLINE: State.FENCED,
        }
        | _GIVE_BACK,
        State.FENCED: dict.fromkeys(_SPACES, State.FENCED)
        | {Signal.OPEN_ARRAY: State.ARRAY, Signal.OPEN_OBJECT: State.OBJECT}
        | _GIVE_BACK,
        State.ARRAY: dict.fromkeys(_SPACES, State.ARRAY)
        | {
            Signal.OPEN_ARRAY: State.ARRAY,
            Signal.OPEN_OBJECT: State.OBJECT,
            Signal.CLOSE_ARRAY: State.EMPTY_ARRAY,
        }
        | _GIVE_BACK,
        State.EMPTY_ARRAY: dict.fromkeys(_SPACES, State.EMPTY_ARRAY) | _GIVE_BACK,
        State.OBJECT: dict.fromkeys(_SPACES, State.OBJECT) | {Signal.QUOTE: State.KEY} | _GIVE_BACK,
        State.KEY: dict.fromkeys(_IN_A_KEY, State.KEY)
        | {Signal.QUOTE: State.KEY_END, Signal.BACKSLASH: State.KEY_ESCAPE}
        | _GIVE_BACK,
        State.KEY_ESCAPE: dict.fromkeys((*_IN_A_KEY, Signal.QUOTE, Signal.BACKSLASH), State.KEY) | _GIVE_BACK,
        State.KEY_END: dict.fromkeys(_SPACES, State.KEY_END) | {Signal.COLON: State.HEAD} | _GIVE_BACK,
        State.HEAD: {
            Signal.TYPE_TEXT: State.MEMBERS,
            Signal.TYPE_OTHER: State.STRUCTURE,
            Signal.WRAPPER: State.AFTER,
            Signal.BLOCK_END: State.AFTER,
        }
        | _REFUSE,
        State.MEMBERS: {Signal.CONTENT: State.TEXT, Signal.BLOCK_END: State.AFTER} | _REFUSE,
        State.TEXT: {Signal.STRING_END: State.MEMBERS} | _REFUSE,
        State.STRUCTURE: {Signal.BLOCK_END: State.AFTER} | _REFUSE,
        State.WRAPPER_END: {Signal.BLOCK_END: State.AFTER, Signal.BROKEN: State.RESYNC, Signal.CLOSE: State.CLOSED},
        State.SKIP: {Signal.BLOCK_END: State.AFTER, Signal.BROKEN: State.RESYNC, Signal.CLOSE: State.CLOSED},
        State.RESYNC: {Signal.BLOCK_END: State.AFTER, Signal.BLOCK_SEEN: State.AFTER, Signal.CLOSE: State.CLOSED},
        State.CLOSED: {},
    }
)


def _by_character(state: State) -> dict[str, State]:
    following = TRANSITIONS[state]
    return {character: following[signal] for character, signal in CHARACTERS.items() if signal in following}


NEXT: Mapping[State, Mapping[str, State]] = MappingProxyType({state: _by_character(state) for state in State})
"""The table by character, for those that `CHARACTERS` names; others have the transition of `OTHER`."""

# Inside a block: its end is missing when the answer ends here.
UNFINISHED = (State.HEAD, State.MEMBERS, State.TEXT, State.STRUCTURE)
# Text that may be the beginning of a block, and is held until that is known.
ATTEMPT = (
    *(State.TICK, State.TICKS, State.FENCE_INFO, State.FENCED, State.ARRAY, State.EMPTY_ARRAY),
    *(State.OBJECT, State.KEY, State.KEY_ESCAPE, State.KEY_END),
)


_NAMES = {Signal.COLON: "colon"}  # a colon would end the label before it
_ANY = 8  # as many characters and more are "anything else"


def diagram() -> str:
    """Mermaid source: one arrow from a state to another for all signals that lead there; staying is left out."""
    lines = ["stateDiagram-v2", "    [*] --> start"]
    lines += [f'    state "{state.value}" as {_id(state)}' for state in State if " " in state.value]
    for state, following in TRANSITIONS.items():
        signals: dict[State, list[Signal]] = defaultdict(list)
        for signal, target in following.items():
            if target is not state:
                signals[target].append(signal)
        for target, leading in signals.items():
            lines.append(f"    {_id(state)} --> {_id(target)}: {_label(leading)}")
    lines.append("    closed --> [*]")
    return "\n".join(lines) + "\n"


def _id(state: State) -> str:
    return state.value.replace(" ", "_")


def _label(signals: list[Signal]) -> str:
    if len(signals) >= _ANY:
        return "anything else"
    return ", ".join(_NAMES.get(signal, signal.value) for signal in signals)
