"""Tools for notes in addition to the five verbs."""

from __future__ import annotations

import re
from functools import partial
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from agents.tools.concurrent_calls import call_all, item_key
from agents.tools.device_access import DeviceAccess, Item
from agents.tools.error import ToolError
from agents.tools.fields import Identity
from agents.tools.tool import Tool, ToolArgs

_MOST_CHARS = 100_000
_WORDS = 6
_WORD = re.compile(r"\w{3,}")


class AppendToNote(ToolArgs):
    """A note and the text to add at its end."""

    id: Identity
    text: Annotated[str, Field(min_length=1, max_length=20_000)]


class SearchNotes(ToolArgs):
    """Words to look for."""

    text: Annotated[
        str,
        StringConstraints(strip_whitespace=True),
        Field(min_length=1, max_length=500),
    ]
    limit: Annotated[int, Field(ge=1, le=100)] = 20


async def _append(access: DeviceAccess, args: AppendToNote) -> Any:
    note = await access.get_item("note", args.id)
    content = note.get("content")
    if content is not None and not isinstance(content, str):
        raise ToolError("not_text", "The note's content is not text, so nothing can be added to it.")
    longer = content.rstrip("\r\n") + "\n" + args.text if content else args.text
    if len(longer) > _MOST_CHARS:
        raise ToolError("too_long", f"The note would have more than {_MOST_CHARS} characters. Create a new note.")
    return await access.update_item("note", args.id, {"content": longer})


async def _search(access: DeviceAccess, args: SearchNotes) -> Any:
    """Notes that contain any of the words, those with the most words first. The device only finds whole phrases."""
    words = list(dict.fromkeys(_WORD.findall(args.text.casefold())))[:_WORDS] or [args.text]
    listed = await call_all(*(partial(access.list_items, "note", {"text": word, "limit": 100}) for word in words))
    found: dict[tuple[str, str], Item] = {}
    hits: dict[tuple[str, str], int] = {}
    for result in listed:
        for note in result["items"]:
            item_id = item_key(note)
            found.setdefault(item_id, note)
            hits[item_id] = hits.get(item_id, 0) + 1
    best = sorted(found, key=lambda item_id: -hits[item_id])
    answer: dict[str, Any] = {"items": [found[item_id] for item_id in best[: args.limit]]}
    if len(best) > args.limit or any(result.get("truncated") for result in listed):
        answer["truncated"] = True
    return answer


NOTE_TOOLS: tuple[Tool[Any], ...] = (
    Tool("append_to_note", "Add text at the end of a note.", AppendToNote, _append, "note"),
    Tool(
        "search_notes",
        "Find notes by words in them, best first.",
        SearchNotes,
        _search,
        "note",
        changes=False,
    ),
)
