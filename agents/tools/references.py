"""Finds the item that a model names: by its handle, its id or its title."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from agents.handles import looks_like_handle
from agents.tools.device_access import PLURALS, DeviceAccess, Item
from agents.tools.error import ToolError
from streaming.wire import Entity

_SEARCHED: Final = 100
_LISTED: Final = 500
_NAMED: Final = 6
_TITLE_CHARS: Final = 80
_WORD: Final = re.compile(r"\w+")
_HAS_DIGIT: Final = re.compile(r"\d")
_ARTICLE: Final = re.compile(
    r"^(?:the|my|our|this|that|d(?:er|ie|as|en|em)|meine?[nmr]?|unsere?[nmr]?|les?|la|l'|mon|ma|mes|notre|cet?te?|el|l[oa]s"
    r"|mis?|nuestr[oa])(?:\s+|(?<='))"
)
_KINDS: Final[Mapping[Entity, str]] = {
    "task": "tasks?|to-?do|reminder|aufgabe|erinnerung|tâche|rappel|tarea|recordatorio|タスク",
    "project": "projects?|projekt|projet|proyecto|プロジェクト",
    "note": "notes?|list|notiz|liste|nota|lista|ノート|メモ",
    "checkpoint": "checkpoints?|milestone|meilenstein|jalon|hito|マイルストーン",
}
_LONG_ID: Final = re.compile(r"(?=\S*\d)[\w-]{16,}")


@dataclass(frozen=True, slots=True)
class Reference:
    """The id of an item. `maybe_title`: the text may also be a title, if the device has no item with this id."""

    id: str
    maybe_title: bool = False


async def find_item(access: DeviceAccess, entity: Entity, written: str, *, exact: bool = False) -> Reference:
    """The item that `written` names. Raises `ToolError`: `not_found` or `ambiguous`, with the candidates.

    A title matches in any case, also with an article or the kind of the item beside it (`the Launch project`), and also
    if `written` has only some of its words and no other item matches. With `exact` it must have all of them.
    """
    if access.handles.is_known(written) or access.knows(entity, written):
        return Reference(access.handles.id_of(written))
    if looks_like_handle(written):
        if access.handles.in_use:
            raise _not_found(entity, written, [])
        return Reference(written)
    if _LONG_ID.fullmatch(written):
        return Reference(written)
    if _HAS_DIGIT.search(written) and not re.search(r"\s", written):
        return Reference(written, maybe_title=True)
    return Reference(await find_title(access, entity, written, exact=exact))


async def find_title(access: DeviceAccess, entity: Entity, title: str, *, exact: bool = False) -> str:
    """The id of the one item with this title. Raises `ToolError`."""
    wanted = plain(title)
    without_kind = bare(wanted, entity)
    found = [item for item in await _look_up(access, entity, {"text": title, "limit": _SEARCHED}) if _is(item, wanted)]
    if not found:
        listed = await _look_up(access, entity, {"limit": _LISTED})
        found = [item for item in listed if _is(item, wanted) or str(item["id"]) == title]
        found = found or [item for item in listed if _is(item, without_kind)]
        alike = _alike(listed, wanted) or _alike(listed, without_kind)
        if not found and not exact and len(alike) == 1:
            found = alike
        if not found:
            raise _not_found(entity, title, [access.handles.shorten(item, entity) for item in alike or listed[:_NAMED]])
    if len(found) > 1:
        raise _ambiguous(entity, title, [access.handles.shorten(item, entity) for item in found])
    return str(found[0]["id"])


async def _look_up(access: DeviceAccess, entity: Entity, args: Mapping[str, Any]) -> list[Item]:
    return [item for item in await access.look_up(entity, args) if item.get("id") is not None]


def _title(item: Mapping[str, Any]) -> str:
    return str(item.get("title") or item.get("name") or "")


def plain_title(item: Mapping[str, Any]) -> str:
    """The title or name of an item, as `plain` gives it."""
    return plain(_title(item))


def _is(item: Item, wanted: str) -> bool:
    return plain_title(item) == wanted


def _alike(items: Sequence[Item], wanted: str) -> list[Item]:
    """The items whose title has all words of `wanted`, or of whose two or more words `wanted` has all."""
    words = set(_WORD.findall(wanted))
    if not any(len(word) > 2 for word in words):
        return []
    titles = [(item, set(_WORD.findall(plain_title(item)))) for item in items]
    return [item for item, title in titles if words <= title or (len(title) > 1 and title <= words)]


def plain(text: str) -> str:
    """A title for comparisons: in lower case, without quotation marks and repeated white space."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(folded.split()).strip("\"'`“”„«».")


def bare(written: str, entity: Entity) -> str:
    """A title without an article before it and without the kind of the item next to it, as `plain` gives it.

    If nothing is left, all of it is the title.
    """
    wanted = plain(written)
    kind = _KINDS[entity]
    found = re.sub(rf"^(?:{kind})\s+|[\s-]+(?:{kind})$", "", _ARTICLE.sub("", wanted))
    return found.strip("\"'`“”„«». ") or wanted


def _not_found(entity: Entity, written: str, candidates: Sequence[Item]) -> ToolError:
    message = f'There is no {entity} "{written[:_TITLE_CHARS]}".'
    if candidates:
        message += f" The {PLURALS[entity]} nearest to it: {_named(candidates)}."
    return ToolError("not_found", f"{message} Use one only if the person means it, otherwise ask them.")


def _ambiguous(entity: Entity, written: str, candidates: Sequence[Item]) -> ToolError:
    return ToolError(
        "ambiguous",
        f'{len(candidates)} {PLURALS[entity]} are called "{written[:_TITLE_CHARS]}": {_named(candidates)}. '
        "Ask the person which one they mean, then give its id.",
    )


def _named(items: Sequence[Item]) -> str:
    named = [_name(item) for item in items[:_NAMED]]
    return "; ".join(named) + (f"; and {len(items) - _NAMED} more" if len(items) > _NAMED else "")


def _name(item: Item) -> str:
    known = [str(item[field]) for field in ("status", "dueDate", "date", "projectId") if item.get(field) is not None]
    return f'{item["id"]} "{_title(item)[:_TITLE_CHARS]}"' + (f" ({', '.join(known)})" if known else "")
