"""The beginnings of blocks: one regular expression for each, and one for all of its prefixes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from parser.vocabulary import CANONICAL, CONTENT_KEYS, SIGNS, TYPE_SYNONYMS

_S = r"[ \t\r\n]*"
_NAME = r"[A-Za-z_-]*"
_TYPE = (
    r"\{",
    _S,
    "[\"']?",
    "t",
    "y",
    "p",
    "e",
    "[\"']?",
    _S,
    ":",
    _S,
    "(?P<quote>[\"'])",
    f"(?P<type>{_NAME})",
    "[\"']",
)
_CONTENT = (_S, ",", _S, "[\"']?", "(?P<key>[a-z]+)", "[\"']?", _S, ":", _S, "(?P<open>[\"'])")
_KEY = r'"(?:[^"\\\n]|\\.){0,64}"|\'[^\'\\\n]{0,64}\'|[A-Za-z_][A-Za-z0-9_]{0,63}'
_OPEN_KEY = r'"(?:[^"\\\n]|\\.){0,64}\\?|\'[^\'\\\n]{0,64}|[A-Za-z_][A-Za-z0-9_]{0,63}'


def _prefix(atoms: Sequence[str]) -> str:
    """An expression that matches if the rest of the text is a prefix of a match of all `atoms` in sequence."""
    nested = ""
    for atom in reversed(atoms):
        nested = f"(?:{re.sub(r'[?]P<[a-z]+>', '?:', atom)}{nested})?"
    return rf"(?:{nested})\Z"


def _whole(atoms: Sequence[str]) -> str:
    return "".join(atoms)


HEAD = re.compile(_whole(_TYPE))
"""`{"type": "NAME"`: groups `type` and `quote`, the kind of quotes that the object uses."""
TEXT_HEAD = re.compile(_whole(_TYPE + _CONTENT))
"""`{"type": "NAME", "KEY": "`: also groups `key`, and `open`, the quote that opens the text."""
TEXT_HEAD_PREFIX = re.compile(_prefix(_TYPE + _CONTENT))

_NAMES = "|".join(sorted((*CANONICAL, *TYPE_SYNONYMS), key=len, reverse=True))
_KNOWN = (r"\{", _S, "[\"']", "t", "y", "p", "e", "[\"']", _S, ":", _S, "[\"']")
BLOCK_START = re.compile(rf"{_whole(_KNOWN)}(?P<type>{'|'.join(CANONICAL)})[\"']", re.IGNORECASE)
"""`{"type": "NAME"` with a canonical name. Inside a string it shows that the string was never closed."""
BLOCK_START_PREFIX = re.compile(_prefix((*_KNOWN, _NAME, "[\"']")), re.IGNORECASE)

SIGNED_START = re.compile(
    rf"{BLOCK_START.pattern}{_S},{_S}\"(?:{'|'.join(sorted(frozenset().union(*SIGNS.values())))})\"", re.IGNORECASE
)
"""A block's start with a member of a block. An element of a block's data hardly ever looks like this."""

BRACKETS = re.compile(rf"(?:\[{_S})*")
FENCE = re.compile(r"`{3,}|~{3,}")
"""What opens a code fence. As many of the same character close it."""
_INFO = re.compile(r"(?:`{3,}|~{3,})[ \t]*[^\s`\[{]*(?P<words>[^\n`]*)\n")
_ATTRIBUTE = re.compile(r"[\w-]+=(?:\"[^\"]*\"|'[^']*'|\S+)|\{[^}\n]*\}|[\w-]+(?:\.[\w-]+)+")
_COMMENT = r"(?:/\*(?:[^*]|\*(?!/)){0,200}\*/|//[^\n]{0,200}\n)"
KEY = re.compile(rf"\{{{_S}(?:{_COMMENT}{_S})?(?P<key>{_KEY}){_S}:")
"""`{ KEY :`, the key quoted or not: group `key` has its quotes. A comment may stand before it."""
KEY_PREFIX = re.compile(
    rf"\{{{_S}(?:/|/\*(?:[^*]|\*(?!/)){{0,200}}\*?|//[^\n]{{0,200}}|(?:{_COMMENT}{_S})?(?:(?:{_KEY}){_S}|{_OPEN_KEY})?)\Z"
)
MEMBER = re.compile(rf"(?P<key>{_KEY}){_S}:")
MEMBER_PREFIX = re.compile(rf"(?:(?:{_KEY}){_S}|{_OPEN_KEY})?\Z")

TEXT_KEYS = frozenset(CONTENT_KEYS)

_FAST = (r"\{", _S, '"', "t", "y", "p", "e", '"', _S, ":", _S, '"', f"(?P<type>{_NAME})", '(?P<end>")')


def _while_it_lasts(atoms: Sequence[str]) -> str:
    """An expression that matches as many of `atoms` in sequence as the text has."""
    nested = ""
    for atom in reversed(atoms):
        nested = f"(?:{atom}{nested})?"
    return nested


NEXT_HEAD = re.compile(_while_it_lasts(("[ \\t\\r\\n,]*", *_FAST)))
"""Separators and `{"type": "NAME"`, as far as the text goes. It is complete if the group `end` matched."""
FIRST_HEAD = re.compile(_while_it_lasts((_S, r"\[?", _S, *_FAST)))
"""The same for the start of an answer: white space and at most one bracket come before the brace."""


def words_of_fence(lead: str) -> str:
    """The words for a person on the line of the fence that `lead` begins with, and its line break.

    Empty if there are only a language, attributes and file names.
    """
    info = _INFO.match(lead)
    words = info["words"].strip() if info else ""
    return f"{words}\n" if _ATTRIBUTE.sub("", words).strip() else ""
