"""Decides from the beginning of a JSON value whether it can become a tool call. Pure, and cheap to repeat."""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

from agents.written_calls.names import ToolNames


class Verdict(Enum):
    """What the beginning of a text says about it."""

    MORE = "more"
    """Not enough text to say."""
    NO = "no"
    """It is not a tool call."""
    MAYBE = "maybe"
    """Only the whole value can say."""
    CALL = "call"
    """It names an offered tool where a call names it."""


NAME_KEYS: Final = ("name", "tool", "tool_name", "function", "action", "recipient_name")
ARGUMENT_KEYS: Final = (
    *("parameters", "arguments", "args", "input", "params", "kwargs"),
    *("action_input", "tool_input", "tool_args", "tool_arguments", "tool_parameters"),
)
LIST_KEYS: Final = ("tool_calls", "function_call", "tool_call", "tool_uses", "function_calls", "call", "calls")
OBJECT_KEYS: Final = ("function", "tool", "action")
"""A call may also be an object under these keys."""
CALL_TYPES: Final = ("function", "function_call", "tool_call", "tool_use")
OTHER_KEYS: Final = ("type", "id", "index", "thought", "thoughts")
_KEYS: Final = (*NAME_KEYS, *ARGUMENT_KEYS, *LIST_KEYS, *OTHER_KEYS)
_SPACE: Final = re.compile(r"(?:\s|/\*.*?\*/|//[^\n]*\n)*", re.DOTALL)
_COMMENT: Final = re.compile(r"/(?:/[^\n]*|\*.*)?", re.DOTALL)  # one that has begun
_STRING: Final = re.compile(r"""(?P<quote>["'])(?P<text>(?:(?!(?P=quote))[^\\\n]|\\.)*)(?P<end>(?P=quote)?)""")
_BARE_KEY: Final = re.compile(r"([a-z_]+)(?=(.?))", re.DOTALL)
_SINGLE: Final = re.compile(r"[\[{\s]*'")
_SCALAR: Final = re.compile(r"-?[\w.+-]*")
_MAX_HEAD: Final = 400
"""Characters in which a head must decide; longer white space or a longer id is not a call."""


def judge(text: str, at: int, names: ToolNames) -> Verdict:
    """The verdict on the object or array that begins at `at`; `names` are the offered tools."""
    verdict = _value(text, at, names)
    return Verdict.NO if verdict is Verdict.MORE and len(text) - at > _MAX_HEAD else verdict


def _value(text: str, at: int, names: ToolNames) -> Verdict:
    if text[at] == "[":
        at = _skip(text, at + 1)
        if _is_cut(text, at):
            return Verdict.MORE
        return _value(text, at, names) if text[at] == "{" else Verdict.NO
    return _object(text, at, names)


def _object(text: str, at: int, names: ToolNames) -> Verdict:
    begin = at = _skip(text, at + 1)
    while not _is_cut(text, at):
        key, whole, end = _key(text, at)
        if key is None:
            return Verdict.NO
        names_tool = at == begin and key not in _KEYS
        at = end
        if not whole:
            may_be_known = any(known.startswith(key) for known in _KEYS)
            return Verdict.MORE if may_be_known or (names_tool and names.may_begin(key)) else Verdict.NO
        if key not in _KEYS and not (names_tool and names.key(key)):
            return Verdict.NO
        at = _skip(text, at)
        if _is_cut(text, at):
            break
        if text[at] != ":":
            return Verdict.NO
        at = _skip(text, at + 1)
        if _is_cut(text, at):
            break
        if key in ARGUMENT_KEYS:
            return Verdict.MAYBE
        if names_tool:
            return Verdict.MAYBE if text[at] == "{" else Verdict.NO
        if text[at] in "{[":
            return _value(text, at, names) if key in OBJECT_KEYS or key in LIST_KEYS else Verdict.NO
        verdict, at = _scalar(text, at, key, names)
        if verdict is not None:
            return verdict
        at = _skip(text, at)
        if not _is_cut(text, at):
            if text[at] != ",":
                return Verdict.NO
            at = _skip(text, at + 1)
    return Verdict.MORE


def _scalar(text: str, at: int, key: str, names: ToolNames) -> tuple[Verdict | None, int]:
    """The verdict of one member's value, or None and where it ends if the next member must decide."""
    value, whole, end = _string(text, at)
    if key in NAME_KEYS:
        if value is None:
            return Verdict.NO, end
        if whole:
            return (Verdict.NO if names.find(value) is None else Verdict.CALL), end
        return (Verdict.MORE if names.may_begin(value) else Verdict.NO), end
    if key == "type":
        if value is None:
            return Verdict.NO, end
        if whole:
            return (None if value in CALL_TYPES else Verdict.NO), end
        return (Verdict.MORE if any(kind.startswith(value) for kind in CALL_TYPES) else Verdict.NO), end
    if value is None:
        end = _SCALAR.match(text, at).end()  # type: ignore[union-attr]  # it matches everywhere
        return (Verdict.NO if end == at else None), end
    return (None if whole else Verdict.MORE), end


def _string(text: str, at: int) -> tuple[str | None, bool, int]:
    """The string that begins at `at`, whether it is whole, and its end; None if no string begins there."""
    found = _STRING.match(text, at)
    if found is None:
        return None, False, at
    if not found["end"] and found.end() < len(text) - 1:
        return None, False, at
    return found["text"], bool(found["end"]), found.end()


def _key(text: str, at: int) -> tuple[str | None, bool, int]:
    """As `_string`, also for a key without quotes."""
    bare = _BARE_KEY.match(text, at)
    return _string(text, at) if bare is None else (bare[1], bool(bare[2]), bare.end())


def has_single_quotes(text: str, at: int) -> bool:
    """Whether the first key of the object or array that begins at `at` is in single quotes."""
    return _SINGLE.match(text, at) is not None


def _is_cut(text: str, at: int) -> bool:
    """Whether the text ends here, perhaps in a comment."""
    return at == len(text) or _COMMENT.fullmatch(text, at) is not None


def _skip(text: str, at: int) -> int:
    return _SPACE.match(text, at).end()  # type: ignore[union-attr]  # it matches everywhere
