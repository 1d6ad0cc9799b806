"""The texts for a person among the members of an object that is shown as text.

The tables of keys are in `parser/vocabulary.py`; `docs/parser.md` describes them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from parser.vocabulary import (
    CHECK_KEYS,
    CHILD_KEYS,
    HEADING_KEYS,
    ITEM_KEYS,
    LIST_KEYS,
    MACHINE_KEYS,
    PART_KEYS,
    REMARK_KEYS,
    SOURCE_KEYS,
    TEXT_KEYS,
)

_DEEPEST = 8
_INDENT = "  "
_OWN = frozenset(("type", "title", "chartType", "entity"))  # members of blocks that are not remarks
# Two words, the first of two or more letters (two suffice to find it); or a letter of a script without spaces.
_PROSE = re.compile(r"[^\W\d_]{2}[,.;:!?]?\s+[^\W\d_]|[^\W\d_a-zA-Z][^\W\d_]")

_MARKED = re.compile(r"\A(?:#{1,6} )?(?P<bold>\*\*|__|)(?P<title>.*?)(?P=bold)\Z")


class Written(str):
    """A number with the digits that the model wrote."""

    __slots__ = ()


def as_written(source: str) -> Any:
    """The value of the JSON text `source`, each number as `Written`. None if it is not JSON.

    The texts of a key that occurs again are a list.
    """
    try:
        return json.loads(
            source, strict=False, parse_int=Written, parse_float=Written, object_pairs_hook=_with_all_texts
        )
    except (ValueError, RecursionError):
        return None


def _with_all_texts(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        texts: dict[str, list[Any]] = {}
        for key, value in pairs:
            texts.setdefault(key, []).append(value)
        again = {key: values for key, values in texts.items() if len(values) > 1}
        members |= {key: values for key, values in again.items() if all(isinstance(text, str) for text in values)}
    return members


def heading(text: str) -> str:
    """`text` as a Markdown heading, on one line."""
    return "## " + " ".join(text.split())


def plain_title(text: str) -> str:
    """`text` as a title on one line, without the Markdown of a heading or of bold text around it."""
    line = " ".join(text.split())
    return _MARKED.sub(r"\g<title>", line) or line


def members_before(members: Mapping[str, Any]) -> str:
    """The text of the members that stand before the content of a text block; a title becomes a heading."""
    return "\n\n".join([*headings(members), *prose(without_headings(members), of_text=True)])


def headings(members: Mapping[str, Any]) -> list[str]:
    """The titles among the members, as Markdown headings."""
    return [heading(value) for key, value in members.items() if key in HEADING_KEYS and _is_text(value)]


def without_headings(members: Mapping[str, Any]) -> dict[str, Any]:
    """The members that `headings` does not show."""
    return {key: value for key, value in members.items() if key not in HEADING_KEYS or not _is_text(value)}


def remarks(members: Mapping[str, Any]) -> list[str]:
    """The texts about a structured block as a whole, without its title: a note, a description, any other prose."""
    return list(filter(None, [beside({key: value for key, value in members.items() if key not in _OWN})]))


def beside(members: Mapping[str, Any]) -> str:
    """The text for a person among the members that a structured block has no place for. Its title comes first."""
    found = [value for key, value in members.items() if key in HEADING_KEYS and _is_text(value)]
    for key, value in without_headings(members).items():
        if key in MACHINE_KEYS:
            continue
        if key in TEXT_KEYS or key in REMARK_KEYS or (isinstance(value, str) and _PROSE.search(value)):
            found.append(_known(key, value, of_text=False, depth=0) or _with_prose(key, value))
    return "\n\n".join(filter(None, found))


def prose(members: Mapping[str, Any], *, of_text: bool, depth: int = 0) -> list[str]:
    """The texts for the person among the members, in their order.

    A string or a number under an unknown key counts too. Its key stands before it if it is not prose. So does an object
    or a list with prose in it. `of_text`: the object is a text block. Then all objects and lists under known keys
    count.
    """
    made: list[str] = []
    named: list[str] = []
    for key, value in members.items():
        if key in MACHINE_KEYS:
            continue
        if key not in TEXT_KEYS and (text := _unknown(key, value)):
            named.append(text)
        elif text := _known(key, value, of_text=of_text, depth=depth) or _with_prose(key, value):
            made += _as_list(named)
            named.clear()
            made.append(text)
    return made + _as_list(named)


def lines(items: Sequence[Any]) -> str:
    """The items of a list as lines of a Markdown list; a single item unchanged."""
    made = list(_lines(items, 0))
    return made[0].removeprefix("- ") if len(made) == 1 else "\n".join(made)


def is_prose(text: str) -> bool:
    """Whether a text has two words, or letters of a script that has no spaces between words."""
    return _PROSE.search(text) is not None


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _as_list(named: Sequence[str]) -> list[str]:
    """Members with their keys in one text: a list if there are several."""
    return ["\n".join(f"- {text}" for text in named) if len(named) > 1 else named[0]] if named else []


def _known(key: str, value: Any, *, of_text: bool, depth: int) -> str:
    """The text of a member whose key says that it is for the person, or whose value is prose."""
    known = key in TEXT_KEYS
    if isinstance(value, str):
        return value if value.strip() else ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, list) and key in SOURCE_KEYS:
        made = "\n".join(_lines(value, 0))
        return f"{key}:\n{made}" if made else ""
    if isinstance(value, list):
        listed = key in LIST_KEYS or known
        strings = all(isinstance(item, str) for item in value)
        shown = (listed and of_text) or (strings and (listed or any(map(_PROSE.search, value))))
        return lines(value) if shown else ""
    if isinstance(value, dict) and known and of_text and depth < _DEEPEST:
        return "\n\n".join(prose(value, of_text=True, depth=depth + 1))
    return ""


def _unknown(key: str, value: Any) -> str:
    """A string, a number or a list of strings under an unknown key, with its key; empty if the value is prose."""
    if (
        isinstance(value, list)
        and key not in LIST_KEYS
        and key not in SOURCE_KEYS
        and all(type(item) is str for item in value)
    ):
        text = "" if any(map(_PROSE.search, value)) else _cell(value)
    elif isinstance(value, str):
        text = "" if _PROSE.search(value) else value.strip()
    else:
        text = str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""
    return f"{key.strip()}: {text}" if key.strip() and text else text


def _with_prose(key: str, value: Any) -> str:
    """The text of an object or a list that has prose in it; empty for another one, which is machine data."""
    return container(key, value) if isinstance(value, dict | list) and holds_prose(value) else ""


def holds_prose(value: Any) -> bool:
    """Whether a value is prose, or has prose in it that is not machine data."""
    if isinstance(value, dict):
        return any(holds_prose(item) for key, item in value.items() if key not in MACHINE_KEYS)
    if isinstance(value, list):
        return any(map(holds_prose, value))
    return isinstance(value, str) and is_prose(value)


def container(key: str, value: Mapping[str, Any] | Sequence[Any]) -> str:
    """The items of a list or the members of an object as lines, below the key if that is not one that holds lines."""
    items = _items(value)
    if key not in SOURCE_KEYS and (key in PART_KEYS or key in LIST_KEYS or key in TEXT_KEYS):
        return lines(items)
    text = "\n".join(f"- {line}" for item in items if (line := lines([item])))
    return f"{key}:\n{text}" if text else ""


def _items(value: Mapping[str, Any] | Sequence[Any]) -> list[Any]:
    """The items of a list; of an object, each member. A list of a key and a value is one line."""
    if isinstance(value, Mapping):
        return [{key: item} for key, item in value.items()]
    return [": ".join(map(scalar, item)) if _is_row(item) else item for item in value]


def _is_row(item: Any) -> bool:
    return isinstance(item, list) and len(item) == 2 and not any(isinstance(cell, dict | list) for cell in item)


# ---- lists ----------------------------------------------------------------------------------------------------------


def _lines(items: Sequence[Any], depth: int) -> Iterator[str]:
    for item in items:
        if isinstance(item, list):
            yield from _lines(item, min(depth + 1, _DEEPEST))
            continue
        children: list[Any] = []
        text = _item(item, children)
        if text:
            margin = _INDENT * depth
            yield f"{margin}- {text}".replace("\n", f"\n{margin}{_INDENT}")
        if depth < _DEEPEST:
            yield from _lines(children, depth + 1 if text else depth)


def _item(item: Any, children: list[Any]) -> str:
    """The line of one item. Its nested items are added to `children`."""
    if not isinstance(item, dict):
        return scalar(item)
    check = next((item[key] for key in CHECK_KEYS if isinstance(item.get(key), bool)), None)
    named: list[str] = []
    others: list[str] = []
    for key, value in item.items():
        if isinstance(value, list) and key in CHILD_KEYS:
            children += value
        elif key in CHECK_KEYS and isinstance(value, bool):
            continue
        elif isinstance(value, dict) and key in ITEM_KEYS:
            named.append(_item(value, children))
        elif text := _cell(value):
            if key in ITEM_KEYS or (key == "key" and "value" in item):
                named.append(text)
            elif key not in MACHINE_KEYS:
                others.append(f"{key}: {text}")
    label = ": ".join(filter(None, named))
    rest = ", ".join(others)
    text = f"{label} ({rest})" if label and rest else label or rest
    return text if check is None or not text else f"[{'x' if check else ' '}] {text}"


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return "; ".join(filter(None, map(_cell, value)))
    if isinstance(value, dict):
        return ", ".join(f"{key}: {text}" for key, inner in value.items() if (text := _cell(inner)))
    return scalar(value)


def scalar(value: Any) -> str:
    """A value that is not a container, as text; empty for null."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value).strip()
