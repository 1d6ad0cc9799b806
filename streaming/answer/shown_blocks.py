"""Counts the blocks of an answer that a person can see, and holds texts of which nothing can be seen so far."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

# Text of which nothing is left without white space, invisible characters, the punctuation of JSON, code fences, `null`
# and its relatives, comments, line breaks and special tokens of chat templates. The beginning of a block's type too.
_EMPTY: Final = re.compile(
    r"""(?:(?:`{3,}|~{3,})(?:json[c5l]?|ndjson)?(?=\s|\Z)
    |\{\ ?"(?:t(?:y(?:p(?:e(?:"\ ?(?::\ ?(?:"[a-z_]{0,20}"?)?)?)?)?)?)?)?\Z
    |&(?:nbsp|ensp|emsp|thinsp|zwnj|zwj|shy|ZeroWidthSpace|NoBreak|\#160|\#8203|\#x[aA]0|\#x200[bB]);
    |<!--.*?(?:-->|\Z)|<br\ ?/?>|\*\*\s?\*\*|__\s?__
    |</?s>|<eos>|<end_of_turn>|<[|｜][\w▁]{1,40}[|｜]>|\[/INST\]
    |[\s\u00ad\u200b-\u200f\u2060\ufeff\[\]{}",:`~]|\b(?:null|undefined|None)\b)*""",
    re.VERBOSE | re.DOTALL,
)
_EMPTY_WORDS: Final = (
    *("null", "undefined", "None", "jsonc", "json5", "jsonl", "ndjson"),
    *("<!--", "<br>", "<br/>", "<br />", "** **", "****", "__ __", "____"),
    *("&nbsp;", "&ensp;", "&emsp;", "&thinsp;", "&zwnj;", "&zwj;", "&shy;", "&ZeroWidthSpace;", "&NoBreak;"),
    *("&#160;", "&#8203;", "&#xa0;", "&#xA0;", "&#x200b;", "&#x200B;"),
    *("</s>", "<s>", "<eos>", "<end_of_turn>", "/INST]"),
)
_TOKEN_BEGUN: Final = re.compile(r"<[|｜][\w▁]{0,40}[|｜]?\Z")
_LONG: Final = 64  # characters of which only the end is kept, because it alone can still become another word
_WORD_END: Final = re.compile(r"[`~]{0,3}\w*\Z")
_COMMENT: Final = re.compile(r"<!--(?:(?!-->).)*\Z", re.DOTALL)
_SPACES: Final = re.compile(r"\s+")
_MOST_HELD: Final = 4_096
_ROWS: Final = {"table": "rows", "timeline": "checkpoints", "chart": "data", "entity_ref": "items"}


class ShownBlocks:
    """The indexes of the blocks that have data, or text other than white space and stray JSON."""

    def __init__(self) -> None:
        self.with_data: set[int] = set()
        """The blocks that certainly count."""
        self._undecided: dict[int, str] = {}  # texts that show nothing so far
        self._held: dict[int, list[str]] = {}  # the same texts, as they must be sent if they show something
        self._size = 0  # characters held

    def __len__(self) -> int:
        return len(self.with_data) + sum(not _EMPTY.fullmatch(text) for text in self._undecided.values())

    def __contains__(self, index: int) -> bool:
        text = self._undecided.get(index)
        return index in self.with_data or (text is not None and not _EMPTY.fullmatch(text))

    def add(self, index: int, block_type: str, data: Mapping[str, Any]) -> None:
        """A block with this data was sent. It counts unless it has no rows at all."""
        if data.get(_ROWS.get(block_type, "")) != []:
            self.with_data.add(index)

    def add_text(self, index: int, text: str) -> str:
        """The text to send after a piece of a text block came: nothing as long as the block shows nothing."""
        if index in self.with_data:
            return text
        held = self._held.setdefault(index, [])
        held.append(text)
        self._size += len(text)
        before = self._undecided.get(index, "")
        # The beginning decides for nearly every text, and a piece may be long.
        seen = _SPACES.sub(" ", before + text[:_LONG])
        if _may_be_empty(seen) and len(text) > _LONG:
            seen = _SPACES.sub(" ", before + text)
        if not _may_be_empty(seen):
            self.with_data.add(index)
            self._undecided.pop(index, None)
        else:
            self._undecided[index] = _kept(seen)
            if self._size <= _MOST_HELD:
                return ""
        return self._take(index)

    def settle(self) -> dict[int, str]:
        """The texts that are over and must be sent after all. The others, which show nothing, are dropped."""
        if not self._held:
            return {}
        texts = {index: self._take(index) for index in list(self._held)}
        return {index: text for index, text in texts.items() if text and index in self}

    def _take(self, index: int) -> str:
        text = "".join(self._held.pop(index, ()))
        self._size -= len(text)
        return text


def _kept(text: str) -> str:
    """What decides later whether a text that shows nothing so far shows something."""
    if len(text) < _LONG:
        return text
    if (comment := _COMMENT.search(text)) is not None:
        return f"<!--{comment.group()[4:][-2:]}"
    end = _WORD_END.search(text)
    return end.group() if end is not None else text


def _may_be_empty(text: str) -> bool:
    """Whether a text that begins like this may show nothing."""
    begun = _EMPTY.match(text)
    rest = text[begun.end() :] if begun else text
    return not rest or any(word.startswith(rest) for word in _EMPTY_WORDS) or _TOKEN_BEGUN.match(rest) is not None
