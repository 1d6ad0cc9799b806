"""A stored conversation as the agents read it, and what an answer showed and changed, as memory stores it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from agents.turn import EarlierTurns
from memory import Earlier, shorten_facts
from streaming.chat import Message
from streaming.wire import WsMutationRecord, WsStreamBlock

_CUT_OFF: Final = "(This answer was cut off before its end.)"
_NO_TEXT: Final = "(This answer had no text.)"
_ASKED_CHARS: Final = 200
_MAX_FACTS_CHARS: Final = 8_000
"""Characters of the facts of one exchange, as JSON."""
_MAX_ITEMS: Final = 40
_MAX_VALUE_CHARS: Final = 120
# Enough to recognise an item and to call a tool with it. Contents of notes are left out.
_ITEM_FIELDS: Final = ("id", "title", "name", "status", "priority", "dueDate", "date", "projectId")
_ROWS: Final = {"table": "rows", "timeline": "checkpoints", "chart": "data"}


@dataclass(frozen=True, slots=True)
class ConversationContext:
    """What a request gets of its conversation: messages for the model, and what it must know in addition to them."""

    history: tuple[Message, ...] = ()
    earlier: EarlierTurns = field(default_factory=EarlierTurns)


UNREAD: Final = ConversationContext(earlier=EarlierTurns(unread=True))
"""The conversation could not be read, which the model is told."""


def context_of(earlier: Earlier) -> ConversationContext:
    """`earlier` as messages, and the facts and summaries in addition to them."""
    history: list[Message] = []
    summaries: list[Mapping[str, Any]] = []
    facts: list[Mapping[str, Any]] = []
    for summary in earlier.summaries:
        said = {"sent": _ms(summary.at), "summary": summary.text}
        summaries.append(said)
        if summary.facts:
            facts.append({"answer_to": summary.text[:_ASKED_CHARS], "sent": said["sent"], "facts": list(summary.facts)})
    for exchange in earlier.exchanges:
        response = exchange.response.strip() or _NO_TEXT
        if not exchange.complete:
            response += "\n\n" + _CUT_OFF
        history += [Message("user", exchange.message), Message("assistant", response)]
        if exchange.facts:
            asked = exchange.message[:_ASKED_CHARS]
            facts.append({"answer_to": asked, "sent": _ms(exchange.at), "facts": list(exchange.facts)})
    sent_ms = [_ms(exchange.at) for exchange in earlier.exchanges]
    return ConversationContext(tuple(history), EarlierTurns(summaries, facts, sent_ms, earlier.omitted))


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def facts_of(
    blocks: Iterable[WsStreamBlock],
    returned: Mapping[str, Sequence[Mapping[str, Any]]],
    mutations: Iterable[WsMutationRecord],
) -> list[dict[str, Any]]:
    """What an answer showed in addition to its text, what it changed, and what else its tools returned, in this order.

    `returned` has the items of the tools by entity. Facts that are too large lose items; see
    `memory.shorten_facts`.
    """
    shown: set[tuple[str, str]] = set()
    facts = [_shown(block, shown) for block in sorted(blocks, key=lambda block: block.block)]
    for mutation in mutations:
        item = {"id": mutation.id} | _item(mutation.data or {})
        facts.append({"changed": mutation.op, "entity": mutation.entity, "item": item})
        shown.add((mutation.entity, mutation.id))
    for entity, items in returned.items():
        others = [item for item in items if (entity, str(item.get("id"))) not in shown]
        if others:
            facts.append({"read": entity, **_items(others)})
    return shorten_facts(facts, _MAX_FACTS_CHARS)


def _shown(block: WsStreamBlock, seen: set[tuple[str, str]]) -> dict[str, Any]:
    data = block.data
    if block.block_type == "entity_ref":
        items = [item for item in data.get("items", []) if isinstance(item, Mapping)]
        entity = str(data.get("entity"))
        seen.update((entity, str(item.get("id"))) for item in items)
        return {"showed": "items", "entity": entity, **_items(items)}
    name = _ROWS[block.block_type]
    rows = data.get(name, [])
    fact: dict[str, Any] = {"showed": block.block_type}
    fact |= {key: data[key] for key in ("title", "note", "headers") if key in data}
    fact[name] = rows[:_MAX_ITEMS]
    return fact | _more(len(rows))


def _items(items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"items": [_item(item) for item in items[:_MAX_ITEMS]], **_more(len(items))}


def _item(item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value[:_MAX_VALUE_CHARS] if isinstance(value, str) else value
        for name in _ITEM_FIELDS
        if isinstance(value := item.get(name), str | int | float)
    }


def _more(count: int) -> dict[str, int]:
    return {"more": count - _MAX_ITEMS} if count > _MAX_ITEMS else {}
