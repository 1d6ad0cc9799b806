"""What stands before a written call and marks it: tokens such as `<tool_call>`, and labels such as `Action:`."""

from __future__ import annotations

import re
from typing import Final

from agents.written_calls.head import Verdict
from agents.written_calls.names import ToolNames
from agents.written_calls.python_calls import judge_python

MARKERS: Final = {
    "<tool_call>": "hermes",
    "<|tool_call|>": "hermes",
    "<function_call>": "hermes",
    "<tool_calls>": "hermes",
    "<function_calls>": "hermes",
    "<|python_tag|>": "llama",
    "<|tool_call_start|>": "python",
    "[TOOL_CALLS]": "mistral",
}
"""The tokens and the form of the calls after them."""
MISTRAL_NAME: Final = re.compile(r"\s*([\w.]{1,64})\s*(?:\[ARGS\]\s*)?")
MAX_GAP: Final = 200
"""Characters of white space between a mark and its value."""

_MISTRAL_PARTIAL: Final = re.compile(r"\s*([\w.]{0,64})\s*(?:\[(?:A(?:R(?:G(?:S\]?)?)?)?)?)?\s*")
_LABELS: Final = (
    *("functools", "action:", "tool call:", "tool_call:", "tool calls:", "tool_calls:", "function call:"),
    *("function_call:", "tool:", "call:"),
)
_LABEL: Final = re.compile(rf"(?:{'|'.join(map(re.escape, _LABELS))})\s*", re.IGNORECASE)
_LONGEST_LABEL: Final = max(map(len, _LABELS))
_ACTION: Final = "action:"
_INPUT: Final = "action input:"
_INPUT_OF: Final = re.compile(r"([\w.]{1,64})[ \t]*\n\s{0,20}action input:\s{0,20}", re.IGNORECASE)
_INPUT_PARTIAL: Final = re.compile(r"([\w.]{0,64})[ \t]*(?:\n\s{0,20}([a-z ]{0,12}:?)\s{0,20})?", re.IGNORECASE)


def value_start(held: str, at: int, names: ToolNames, *, last: bool) -> tuple[int, Verdict | None]:
    """Where the value begins in the held text, or a verdict if no value has begun or can begin."""
    if held.startswith("{", at):
        return at, None
    for marker in MARKERS:
        if held.startswith(marker, at):
            end = at + len(marker)
            if marker == "[TOOL_CALLS]":
                return _after_mistral(held, end, names)
            return _at_value(held, len(held) - len(held[end:].lstrip()), names, last=last)
        if marker.startswith(held[at:]) and not last:
            return 0, Verdict.MORE
    return (at, None) if held[at] in "{[" else (0, Verdict.NO)


def _after_mistral(held: str, at: int, names: ToolNames) -> tuple[int, Verdict | None]:
    rest = held[at:].lstrip()
    if rest[:1] in ("[", "{"):
        return len(held) - len(rest), None
    named = MISTRAL_NAME.match(held, at)
    if named is not None and held[named.end() : named.end() + 1] == "{":
        return (named.end(), None) if names.find(named[1]) is not None else (0, Verdict.NO)
    partial = _MISTRAL_PARTIAL.fullmatch(held, at)
    if partial is not None and names.may_begin(partial[1]):
        return 0, Verdict.MORE
    return 0, Verdict.NO


def _at_value(held: str, at: int, names: ToolNames, *, last: bool) -> tuple[int, Verdict | None]:
    if at == len(held):
        return 0, Verdict.MORE if at < MAX_GAP else Verdict.NO
    if held[at] in "{[":
        return at, None
    verdict = judge_python(held, at, names, last=last)
    return (at, None) if verdict is Verdict.CALL else (0, verdict)


def label_end(held: str, at: int) -> int | None:
    """Where the text after the label at `at` begins; None without a label, `at` if a label may begin there."""
    if label := _LABEL.match(held, at):
        return label.end()
    line = held[at : at + _LONGEST_LABEL].lower()
    # Only the end of the held text can be the beginning of a label.
    return at if len(line) < _LONGEST_LABEL and any(label.startswith(line) for label in _LABELS) else None


def action_input(held: str, at: int, end: int, names: ToolNames) -> tuple[str | None, int, Verdict]:
    """The tool of `Action: NAME` and where the value after `Action Input:` begins, if these stand at `at` to `end`."""
    if not held[at:].lower().startswith(_ACTION):
        return None, end, Verdict.NO
    named = _INPUT_OF.match(held, end)
    if named is not None and named.end() < len(held):
        name = names.find(named[1])
        found = name is not None and held[named.end()] == "{"
        return name, named.end(), Verdict.CALL if found else Verdict.NO
    partial = _INPUT_PARTIAL.fullmatch(held, end)
    if partial is None or not _INPUT.startswith((partial[2] or "").lower()):
        return None, end, Verdict.NO
    whole = partial[2] is not None
    known = names.find(partial[1]) is not None if whole else names.may_begin(partial[1])
    return None, end, Verdict.MORE if known else Verdict.NO
