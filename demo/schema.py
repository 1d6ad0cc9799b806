"""Values that match a JSON Schema: tool arguments by property name, and answers chosen from an enum."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from demo.wish import ENTITY_WORDS
from person import UTC_CALENDAR

# Property names, in lower case and without separators, and the fact that each one takes.
_FACTS: Mapping[str, str] = {
    "title": "name", "name": "name", "summary": "name", "subject": "name",
    "content": "content", "body": "content", "text": "search", "query": "search", "search": "search", "q": "search",
    "duedate": "day", "due": "day", "deadline": "day", "date": "day", "day": "day", "when": "day",
    "priority": "priority", "status": "status", "id": "id", "projectid": "project_id", "isapproved": "is_approved",
}  # fmt: skip
_GENERAL = "general_agent"
_LEANINGS: Mapping[str, tuple[str, ...]] = {
    "task": (
        "due",
        "overdue",
        "today",
        "tomorrow",
        "week",
        "finish",
        "done",
        "priority",
        "urgent",
        "remind",
        "do",
        "doing",
    ),
    "project": ("customer", "progress", "portfolio"),
    "note": ("write", "wrote", "written", "jot", "remember", "idea", "meeting", "search", "find"),
    "checkpoint": ("launch", "approve", "reschedule", "phase", "gantt"),
}


def fill_arguments(schema: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments for a tool: every declared property for which there is one of `facts` (name, day, priority, ...).

    A property of type object (`data`) is filled recursively. A day becomes an ISO 8601 date, or epoch milliseconds if
    the schema requires a number. A value outside a property's enum is left out.
    """
    arguments: dict[str, Any] = {}
    for name, declared in _properties(schema).items():
        if declared.get("type") == "object":
            if inner := fill_arguments(declared, facts):
                arguments[name] = inner
            continue
        fact = facts.get(_FACTS.get(re.sub(r"[^a-z]", "", name.lower()), ""))
        if fact is not None and (value := _fitting(declared, fact)) is not None:
            arguments[name] = value
    return arguments


def missing_arguments(schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> list[str]:
    """The names of required properties without a value."""
    required = schema.get("required")
    missing = [str(name) for name in required if name not in arguments] if isinstance(required, list) else []
    for name, declared in _properties(schema).items():
        if declared.get("type") == "object":
            inner = arguments.get(name)
            missing += missing_arguments(declared, inner if isinstance(inner, Mapping) else {})
    return [name for name in missing if _properties(schema).get(name, {}).get("type") != "object"]


def constrained_answer(schema: Mapping[str, Any], messages: Sequence[str]) -> Any:
    """A value that matches `schema`. An enum's value is chosen by the words of `messages`, newest first."""
    if "const" in schema:
        return schema["const"]
    if isinstance(options := schema.get("enum"), list) and options:
        return best_option(options, messages)
    match schema.get("type"):
        case "object":
            return {name: constrained_answer(inner, messages) for name, inner in _properties(schema).items()}
        case "array":
            return []
        case "integer" | "number":
            return 0
        case "boolean":
            return False
        case "null":
            return None
    return ""


def best_option(options: Sequence[Any], messages: Sequence[str]) -> Any:
    """The option with the most matching words in the first of `messages` that has any.

    Without a match it is the general agent, else the first option.
    """
    for message in messages:
        lowered = message.lower().replace("in progress", "doing").replace("to do", "todo")
        words = [_singular(word) for word in re.findall(r"[a-z]+(?:-[a-z]+)*", lowered)]
        points = [_points(str(option), words) for option in options]
        if max(points) > 0:
            return options[points.index(max(points))]
    return _GENERAL if _GENERAL in options else options[0]


def _points(option: str, words: Sequence[str]) -> int:
    own = [word for word in re.split(r"[^a-z]+", option.lower()) if word and word != "agent"]
    points = 0
    for part in own:
        entity = _singular(part)
        for word in words:
            if word == entity or word in ENTITY_WORDS.get(entity, ()):
                points += 3
            elif word in _LEANINGS.get(entity, ()):
                points += 1
    return points


def _fitting(declared: Mapping[str, Any], fact: Any) -> Any:
    kind = declared.get("type")
    if isinstance(fact, date):
        if kind in {"integer", "number"}:
            return UTC_CALENDAR.start_of(fact)
        return fact.isoformat() if kind in {None, "string"} else None
    options = declared.get("enum")
    if isinstance(options, list):
        return fact if fact in options else None
    expected = {"string": str, "integer": int, "number": int, "boolean": bool}.get(str(kind))
    return fact if expected is None or isinstance(fact, expected) else None


def _properties(schema: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return {}
    return {str(name): inner for name, inner in properties.items() if isinstance(inner, Mapping)}


def _singular(word: str) -> str:
    return word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else word
