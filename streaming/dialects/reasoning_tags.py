"""The tags of reasoning and of harmony in a model's text, whole and cut, and the places where they count."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final

TAGS: Final = {
    "<think>": "</think>",
    "<thinking>": "</thinking>",
    "<thought>": "</thought>",
    "<reasoning>": "</reasoning>",
    "<seed:think>": "</seed:think>",
    "[THINK]": "[/THINK]",
    "◁think▷": "◁/think▷",
    "<|START_THINKING|>": "<|END_THINKING|>",
    "<|begin_of_thought|>": "<|end_of_thought|>",
    "<|channel>thought": "<channel|>",
}
# Words that may also be tags of an answer. If there is no other answer, what they enclose is given as the answer.
DOUBTFUL: Final = {
    f"<{word}>": f"</{word}>"
    for word in ("scratchpad", "analysis", "reflection", "reason", "antthinking", "inner_monologue")
}
OPENERS: Final = TAGS | DOUBTFUL
CLOSERS: Final = tuple(TAGS.values())
ALL_CLOSERS: Final = tuple(OPENERS.values())
# Harmony, the format of gpt-oss: `<|start|>assistant<|channel|>NAME<|message|>TEXT<|end|>`, one channel after another.
HEADS: Final = ("<|start|>", "<|channel|>")
MESSAGE: Final = "<|message|>"
ENDS: Final = ("<|end|>", "<|return|>", "<|call|>")
RECIPIENT: Final = re.compile(r"\bto=(?:functions\.)?([A-Za-z0-9_.-]+)")
LONGEST_TAG: Final = max(map(len, (*OPENERS, *ALL_CLOSERS, *HEADS, *ENDS)))
ANY_CLOSER: Final = re.compile("|".join(map(re.escape, ALL_CLOSERS)), re.IGNORECASE | re.ASCII)
# Small models open with one of these words and close with another.
_WORDS: Final = ("</think>", "</thinking>", "</thought>", "</reasoning>")
CLOSED_BY: Final = {tag: _WORDS if tag in _WORDS else (tag,) for tag in ALL_CLOSERS}
CLOSER: Final = {
    tag: re.compile("|".join(map(re.escape, closers)), re.IGNORECASE | re.ASCII) for tag, closers in CLOSED_BY.items()
}
_FIRST: Final = frozenset(tag[0] for tag in (*OPENERS, *ALL_CLOSERS, *HEADS, MESSAGE, *ENDS))
_TEXT_OPENS: Final = re.compile(r'"(?:content|text|answer|response|message)"\s*:\s*"\Z')


def next_sign(text: str, begin: int) -> int:
    """The place of the next character that may begin a tag, or -1."""
    angle, bracket = text.find("<", begin), text.find("[", begin)
    return min(angle, bracket) if angle >= 0 and bracket >= 0 else max(angle, bracket)


def opening(text: str, tags: tuple[str, ...]) -> str | None:
    """The one of `tags` that begins `text`, "" if none does, None if more text decides it."""
    if not text:
        return None
    if text[0] not in _FIRST:
        return ""
    begun = text[:LONGEST_TAG].lower() if text[0] == "<" else text[:LONGEST_TAG]
    more: str | None = ""
    for tag, folded in _by_first(tags).get(text[0], ()):
        if begun.startswith(folded):
            return tag
        if folded.startswith(begun):
            more = None
    return more


@cache
def _by_first(tags: tuple[str, ...]) -> Mapping[str, Sequence[tuple[str, str]]]:
    """The tags by their first character, each with the form that is compared: letter case counts only without `<`."""
    found: dict[str, list[tuple[str, str]]] = {}
    for tag in tags:
        found.setdefault(tag[0], []).append((tag, tag.lower() if tag[0] == "<" else tag))
    return found


def is_border(before: str, reasoned: bool) -> bool:
    """Whether a tag may follow `before`: nothing, a line break, the end of a JSON value, or the opening of a text.

    After reasoning (`reasoned`), the end of a sentence too.
    """
    visible = before.rstrip()
    if not visible or visible[-1] in "]}" or "\n" in before[len(visible) :]:
        return True
    return (reasoned and visible[-1] in ".!?。！？") or _TEXT_OPENS.search(before) is not None


def possible_tag(text: str, tags: tuple[str, ...]) -> int:
    """How many characters at the end of `text` may be the beginning of one of `tags`."""
    longest = max(len(tag) for tag in tags) - 1
    lower = text[-longest:].lower()
    for size in range(min(longest, len(text)), 0, -1):
        if any(len(tag) > size and lower.endswith(tag[:size].lower()) for tag in tags):
            return size
    return 0
