"""The meaning of an object that named no structured block: texts, a block without a type, or neither."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from parser.blocks import BlockType
from parser.layouts import details, is_layout, laid_out
from parser.nested_members import named_block
from parser.prose import Written, as_written, headings, holds_prose, is_prose, lines, prose, without_headings
from parser.repair import leaves, written_keys
from parser.strings import unescaped
from parser.vocabulary import (
    ANSWER_KEYS,
    CLEAR_ANSWER_KEYS,
    CONTENT_KEYS,
    LIST_KEYS,
    MACHINE_KEYS,
    METADATA_KEYS,
    SOURCE_KEYS,
    TEXT_KEYS,
    UNTYPED,
    canonical_key,
    folded,
    is_list,
)

_CONTAINERS = ANSWER_KEYS | {"data", "choices", "assistant", "blocks", "paragraphs", "sections"}
_TEXT_LISTS = ANSWER_KEYS | {"blocks", "paragraphs", "sections"}
_EMPTIED = _CONTAINERS | SOURCE_KEYS
_NOTHING: tuple[Any, ...] = (None, [], {}, "")
_DEEPEST = 8
# The last step of an agent that writes its actions as JSON.
_ACTION = frozenset(("thought", "thoughts", "action", "action_input"))
_FINAL = re.compile(r"final[ _-]?answer", re.IGNORECASE)
_LONE = re.compile(
    r"\{\s*(?P<quote>[\"'])(?P<key>\w{1,64})(?P=quote)\s*:\s*(?P<open>[\"'])(?P<text>.*)(?P=open)\s*\}\s*", re.DOTALL
)
_BRACKET = re.compile(r"[\"{}\[\]]")
_KEYS = re.compile(r'"([^"\\]*+(?:\\.[^"\\]*+)*+)"\s*+:|\'([^\']*+)\'\s*+:|(?<![\w$-])([\w$-]++)\s*+:', re.DOTALL)
_MEMBER = re.compile(r"[\"']\s*,\s*[\"'][^\"']{1,64}[\"']\s*:")


def texts(value: Mapping[str, Any], kind: BlockType | None, source: str, *, in_prose: bool = False) -> list[str] | None:
    """The texts that an object shows a person; None when it is neither a text block (`kind`) nor a wrapper of text.

    `source` is the object as the model wrote it. `in_prose`: it stands in prose, where it may be a sample.
    """
    if kind is BlockType.TEXT:
        return _content(value, source, in_prose=in_prose)
    written = as_written(source)
    members: Mapping[str, Any] = folded(written) if isinstance(written, dict) else value
    if is_layout(members):
        return [laid_out(members)]
    if (
        value.keys() <= _ACTION
        and _FINAL.fullmatch(str(value.get("action")))
        and isinstance(value.get("action_input"), str)
    ):
        return [value["action_input"]]
    return _wrapped(members, 0) if kind is None else None


def lone_text(source: str) -> dict[str, str] | None:
    """The one member of a wrapper of text whose quotes are not escaped; None if `source` may be anything else."""
    match = _LONE.fullmatch(source)
    if match is None or canonical_key(match["key"]) not in ANSWER_KEYS or _MEMBER.search(match["text"]):
        return None
    return {match["key"]: unescaped(match["text"])}


def loses_text(value: Any, shown: Sequence[str], source: str) -> bool:
    """Whether a repair of `source` took text for a key, or for a member that is not shown.

    Such a key has no colon after it in the source. Such a member has brackets or quotes of the source in it.
    """
    keys = {unescaped(next(filter(None, found), "")) for found in _KEYS.findall(source)}
    if any(key not in keys for key in written_keys(value)):
        return True
    bracketed = (leaf for leaf in leaves(value) if isinstance(leaf, str) and _BRACKET.search(leaf))
    return any(not any(text in one for one in shown) for text in bracketed if text not in keys)


def texts_above(value: Any) -> Iterator[str]:
    """The texts of a wrapper whose last value is the place of a block, from the outside to the inside."""
    while isinstance(value, dict | list) and value:
        if isinstance(value, dict):
            *others, (_, value) = value.items()
            yield from _own_texts(dict(others))
        else:
            *items, value = value
            for item in items:
                if isinstance(item, dict):
                    yield from _own_texts(item)
                elif isinstance(item, str) and item.strip():
                    yield item
                elif isinstance(item, list) and holds_prose(item):
                    yield lines(item)


def ends_in_null(value: Any) -> bool:
    """Whether the place of the block is where the wrapper's brackets say: a repair may have made text of it."""
    while isinstance(value, dict | list) and value:
        value = list(value.values() if isinstance(value, dict) else value)[-1]
    return value is None


def _own_texts(value: Mapping[str, Any]) -> list[str]:
    """The texts for a person among the members of a wrapper."""
    named = folded(value)
    if is_layout(named):
        return [laid_out(named)]
    return [*headings(named), *prose(without_headings(named), of_text=False)]


def untyped(value: Mapping[str, Any]) -> BlockType | None:
    """The block that an object without a type can only be, by its members."""
    if "type" in value:
        return None
    whole = next((kind for kind, members in UNTYPED.items() if members <= value.keys()), None)
    return named_block(value) if whole is None else whole


def _content(value: Mapping[str, Any], source: str, *, in_prose: bool) -> list[str] | None:
    """The content of a text block with its title before it, then one text for each other member for the person."""
    written = as_written(source)
    members: Mapping[str, Any] = folded(written) if isinstance(written, dict) else value
    for key in (*CONTENT_KEYS, *LIST_KEYS):
        content = _main(members, key, source)
        if content is not None:
            others = {name: item for name, item in without_headings(members).items() if name != key}
            return ["\n\n".join(filter(None, (*headings(members), content))), *prose(others, of_text=True)]
    if value.keys() <= METADATA_KEYS | {"content", "text", *LIST_KEYS}:
        contents = {key: value[key] for key in ("content", "text", *LIST_KEYS) if value.get(key) not in _NOTHING}
        return _wrapped(contents, 0) if contents else []
    # No content: a block may still say something in its other members. A JSON schema has some of them too.
    if value.keys() <= TEXT_KEYS | MACHINE_KEYS and value.get("type") != "string":
        texts = [*headings(members), *prose(without_headings(members), of_text=True)]
        return ["\n\n".join(texts)] if texts else None
    return None if in_prose or value.get("type") != BlockType.TEXT.value else _misnamed(members)


def _misnamed(members: Mapping[str, Any]) -> list[str] | None:
    """The text of a text block that has it under another key: the only string, or all members if there is prose."""
    others = {key: item for key, item in members.items() if key not in MACHINE_KEYS}
    if len(others) == 1 and all(type(item) is str and item.strip() for item in others.values()):
        return list(others.values())
    return [laid_out(others)] if holds_prose(others) else None


def _main(members: Mapping[str, Any], key: str, source: str) -> str | None:
    """The content under this key, as text; None if it is not text."""
    content = members.get(key)
    if isinstance(content, str):
        return content
    if isinstance(content, int | float) and not isinstance(content, bool):
        return _number(key, content, source)
    if not isinstance(content, list):
        return None
    listed = key in LIST_KEYS or is_list(str(members.get("type"))) or all(isinstance(item, str) for item in content)
    return lines(content) or None if listed else None


def _number(key: str, number: float, source: str) -> str:
    """A number that is the content of a text, with the digits that the model wrote."""
    written = re.search(rf"\b{key}[\"']?\s*:\s*(-?[0-9][0-9.eE+-]*)", source, re.IGNORECASE)
    try:
        return written[1] if written is not None and float(written[1]) == number else str(number)
    except ValueError:
        return str(number)


def _wrapped(value: Mapping[str, Any], depth: int) -> list[str] | None:
    if value and all(key in _EMPTIED and item in _NOTHING for key, item in value.items()):
        return []
    if is_layout(value):
        return [laid_out(value)]
    titles = headings(value)
    members = {
        key: item
        for key, item in without_headings(value).items()
        if key not in METADATA_KEYS or isinstance(item, dict | list)
    }
    beside = members.keys() - _CONTAINERS
    if not members or depth > _DEEPEST or (beside and not _is_answer(value, beside)):
        return None
    found: list[str] = titles
    others: dict[str, Any] = {}
    for key, item in members.items():
        if key in beside:
            others[key] = item
            continue
        found += details(others)
        others.clear()
        for one in item if isinstance(item, list) else [item]:
            inner = [] if one in _NOTHING else [one] if type(one) is str and key in _TEXT_LISTS else None
            if isinstance(item, Written) and key in CLEAR_ANSWER_KEYS and len(members) == 1:
                inner = [str(item)]
            if isinstance(one, dict) and one:
                inner = _wrapped(folded(one), depth + 1)
            if inner is None:
                return None
            found += inner
    return found + details(others)


def _is_answer(value: Mapping[str, Any], beside: AbstractSet[str]) -> bool:
    """Whether an object is an answer, of which a person reads all members: `beside` are those without its text."""
    if any(_is_prose(value.get(key)) for key in CLEAR_ANSWER_KEYS):
        return True
    return any(_is_prose(value.get(key)) for key in ANSWER_KEYS) and beside <= SOURCE_KEYS | MACHINE_KEYS


def _is_prose(value: Any) -> bool:
    return type(value) is str and is_prose(value)
