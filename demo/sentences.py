"""The sentences of the demo model's answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from demo.items import Item, Items, is_done, item_day, title
from demo.question import Pick
from demo.request import ToolResult
from demo.wish import Wish

DISCLOSURE = "I am Tessera's demo model: rules, not a language model."
HELP = (
    "I can read your tasks, projects, notes and checkpoints on your device, and change them when you ask. Try: "
    '"What should I do today?", "What is overdue?", "Show my week as a table", "Pie chart of tasks by priority", '
    '"How are my projects doing?", "Search my notes for export", "Show the timeline", '
    '"Create a task called Water the plants due tomorrow", "Finish the task Renew the domain", '
    '"Delete the task Renew the domain", or "Give me an overview". To use a real model instead of me, set '
    "TESSERA_MODEL_URL."
)
CANNOT = (
    "I can't do that. I only read and change your tasks, projects, notes and checkpoints, by fixed rules. "
    "Say “help” to see what I understand, or set TESSERA_MODEL_URL to use a language model."
)
GREETING = "Hello! Ask me about your tasks, projects, notes and checkpoints, or say “help”."
WELCOME = "You are welcome."
_PAST = {
    "create": "created",
    "complete": "marked as done",
    "reopen": "reopened",
    "delete": "deleted",
    "change": "changed",
}
_NAMED = 3


def not_understood(words: Sequence[str]) -> str:
    """The sentences for a question with `words` that the rules do not know."""
    known = ", ".join(f"“{word}”" for word in words[:_NAMED])
    return (
        f"I can't answer that: I follow fixed rules, and they do not know {known}. Say “help” to see what I "
        "understand, or set TESSERA_MODEL_URL to use a language model."
    )


def counted(number: int, entity: str) -> str:
    return f"{number or 'no'} {entity}{'' if number == 1 else 's'}"


def names(items: Sequence[Item], entity: str, today: date) -> str:
    """The names and days of the first few of `items`."""
    shown = [f"“{title(item)}”{_when(item, entity, today)}" for item in items[:_NAMED]]
    more = f" and {len(items) - _NAMED} more" if len(items) > _NAMED else ""
    return ", ".join(shown) + more


def bullets(items: Sequence[Item], entity: str, today: date, most: int = 10) -> str:
    """One line per item, for plain-text answers."""
    lines = [f"- {title(item)}{_when(item, entity, today)}" for item in items[:most]]
    if len(items) > most:
        lines.append(f"- and {len(items) - most} more")
    return "\n".join(lines)


def changed(wish: Wish, entity: str, item: Item, today: date) -> str:
    """The sentence that reports a change."""
    return f"I have {_PAST[wish.verb]} the {entity} “{title(item)}”{_when(item, entity, today)}."


def failed(result: ToolResult) -> str:
    """The sentence that reports a failed tool call."""
    code, message = result.error or ("error", "")
    doing = result.tool.replace("_", " the ", 1)
    match code:
        case "denied":
            return f"You did not allow me to {doing}, so nothing was changed."
        case "device_offline":
            return f"None of your devices is connected, so I could not {doing}. Your data is on your devices."
        case "device_gone":
            return f"Your device disconnected before it answered, so I do not know whether it managed to {doing}."
        case "deadline":
            return f"Your device did not answer in time when I tried to {doing}."
    return f"I could not {doing}: {message.rstrip('.') or code} ({code})."


def item_facts(entity: str, item: Item, items: Items, today: date) -> str:
    """One or two sentences about an item."""
    parts = [f"This {entity} is “{title(item)}”{_when(item, entity, today)}."]
    for field, label in (("status", "Status"), ("priority", "Priority"), ("assignee", "Assigned to")):
        if item.get(field):
            parts.append(f"{label}: {str(item[field]).replace('_', ' ')}.")
    if project := items.project_name(item):
        parts.append(f"Project: {project}.")
    if content := item.get("content") or item.get("description"):
        parts.append(str(content))
    return " ".join(parts)


def picked(pick: Pick, entity: str, item: Item, items: Items, today: date) -> str:
    """The sentence about the item that is first in the order that was asked for."""
    if pick == "most":
        own = sum(not is_done(task) for task in items.of("task") if str(task.get("projectId")) == str(item.get("id")))
        return f"“{title(item)}” has the most open tasks: {own}."
    order = {"first": "most urgent", "next": "next", "latest": "latest"}[pick]
    content = f" {item['content']}" if pick == "latest" and item.get("content") else ""
    return f"The {order} {entity} is “{title(item)}”{_when(item, entity, today)}.{content}"


def _when(item: Item, entity: str, today: date) -> str:
    day = item_day(entity, item)
    if day is None:
        return ""
    word = {"task": "due", "checkpoint": "on", "note": "written"}[entity]
    distance = (day - today).days
    near = {-1: "yesterday", 0: "today", 1: "tomorrow"}.get(distance)
    if near is not None:
        return f" ({near if entity == 'checkpoint' else f'{word} {near}'})"
    if entity == "task" and distance < 0 and item.get("status") != "done":
        return f" ({-distance} days late)"
    return f" ({word} {day:%a} {day.day} {day:%b})"
