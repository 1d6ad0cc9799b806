"""Invented values: numbers, table rows and timeline entries in an answer that the items do not give.

A number is grounded if it occurs in the items, in the messages or in a date near them, or if it counts items: all of an
entity, those that agree in one or two fields, or those between two days. A share in percent of such
counts is grounded too.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, Final

from evals.observed import Trial
from evals.scenario import Item, Scenario
from person import DAY_FIELDS, MOMENT_FIELDS, Calendar, zone_named

_NUMBER: Final = re.compile(r"(?<![\w.])(\d+(?:[.,]\d+)?)(?!\w)", re.ASCII)
_MARKED: Final = re.compile(_NUMBER.pattern + r"(\s?%)?")
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?)?")
_LIST_MARK: Final = re.compile(r"^\s*\d+[.)]\s", re.MULTILINE)
_TITLES: Final = ("title", "name")
_COUNTED_FIELDS: Final = ("status", "priority", "assignee", "projectId", "clientId", "isApproved", "isAiSuggested")
_NEAR_DAYS: Final = 8
_WORDS: Final = frozenset({"to do", "in progress", "done", "yes", "no", "approved", "suggested"})


def invented_values(scenario: Scenario, trial: Trial) -> list[str]:
    """The values of the last answer that the scenario does not give."""
    turn = trial.turns[-1]
    known = _Known(scenario, trial)
    text = _LIST_MARK.sub("", turn.text)
    faults = [f"the day {found} is in no item" for found in _DATE.findall(text) if not known.has_day(found)]
    faults += [
        f"the number {found} in the text comes from no item"
        for found, percent in _MARKED.findall(_DATE.sub(" ", text))
        if not known.has_number(found, percent=bool(percent))
    ]
    for block in turn.blocks:
        faults += list(_block_faults(block, known))
    return faults


def _block_faults(block: Mapping[str, Any], known: _Known) -> Iterator[str]:
    data = block["data"]
    if block["type"] == "chart":
        keys = set(data["config"])
        for row in data["data"]:
            for key, value in row.items():
                if key in keys and isinstance(value, int | float) and not known.has_number(f"{value:g}"):
                    yield f"the number {value:g} in the chart comes from no item"
    elif block["type"] == "table":
        for row in data["rows"]:
            if not any(isinstance(cell, str) and known.has_text(cell) for cell in row):
                yield f"the table row {row!r} comes from no item"
    elif block["type"] == "timeline":
        for entry in data["checkpoints"]:
            if not known.has_entry(entry):
                yield f"the timeline entry {entry.get('title')!r} comes from no item"


class _Known:
    """What the scenario gives: the items before and after, the messages, the day, and counts of the items."""

    def __init__(self, scenario: Scenario, trial: Trial) -> None:
        self._calendar = Calendar(zone_named(scenario.person.zone))
        self._items = [item for items in (trial.before, trial.after) for found in items.values() for item in found]
        texts = [turn.say for turn in scenario.turns] + [m.content for turn in scenario.turns for m in turn.history]
        texts += scenario.preferences().values()
        texts += [str(value) for item in self._items for value in item.values() if value is not None]
        self._texts = [text.casefold() for text in texts]
        self._numbers = {number for text in texts for number in _NUMBER.findall(_DATE.sub(" ", text))}
        now_ms = int(scenario.person.now.timestamp() * 1000)
        now = self._calendar.local(now_ms)
        self._today = self._calendar.day_of(now_ms)
        days = {self._today} | {
            self._calendar.day_of(when)
            for item in self._items
            for field in DAY_FIELDS | MOMENT_FIELDS
            if (when := self._calendar.read(item.get(field))) is not None
        }
        self._days = {day.isoformat() for day in days}
        self._counts = _counts(trial.before) | _counts(trial.after)
        self._others = {abs((day - self._today).days) for day in days} | {now.hour, now.minute}
        self._others |= {part for day in days for part in (day.day, day.month, day.year)}

    def has_number(self, text: str, *, percent: bool = False) -> bool:
        if text in self._numbers:
            return True
        value = float(text.replace(",", "."))
        if percent:
            return any(abs(100 * part / whole - value) < 1 for whole in self._counts for part in self._counts if whole)
        return value in self._counts or value in self._others

    def has_day(self, text: str) -> bool:
        """Whether an item or a message has the day, or it is near today, as "next Friday" is."""
        when = self._calendar.read(text[:10])
        if when is None:
            return False
        near = abs((self._calendar.day_of(when) - self._today).days) <= _NEAR_DAYS
        return near or text[:10] in self._days or any(text[:10] in known for known in self._texts)

    def has_text(self, cell: str) -> bool:
        """Whether an item has the text, or it is the server's word for a value or for an empty field."""
        plain = cell.casefold().strip()
        if not plain:
            return False
        if plain in _WORDS or plain.startswith("no ") or _DATE.fullmatch(plain) is not None:
            return True
        return any(form in known for form in (plain, plain.replace(" ", "_")) for known in self._texts)

    def has_entry(self, entry: Mapping[str, Any]) -> bool:
        """Whether an entry of a timeline is an item, with the item's title."""
        titles = (
            str(item.get(field)).casefold()
            for item in self._items
            for field in _TITLES
            if str(item["id"]) == str(entry.get("id"))
        )
        return str(entry.get("title")).casefold() in titles


def _counts(items: Mapping[Any, list[Item]]) -> set[int]:
    """The sizes of all groups of items that agree in at most two fields, of the open ones, and of ranges of days."""
    found: set[int] = set()
    for group in items.values():
        found.add(len(group))
        for size in (1, 2):
            for fields in combinations(_COUNTED_FIELDS, size):
                found.update(_sizes(tuple(item.get(field) for field in fields) for item in group))
        found.update(_range_sizes(group))
        found.update(_range_sizes([item for item in group if item.get("status") != "done"]))
        found.add(sum(item.get("status") != "done" for item in group))
    return found


def _range_sizes(items: Sequence[Item]) -> set[int]:
    """How many of the items lie between any two of their days."""
    days = [str(item.get("dueDate") or item.get("date")) for item in items if item.get("dueDate") or item.get("date")]
    sizes = [size for _, size in sorted(Counter(days).items())]
    return {sum(sizes[first:last]) for first in range(len(sizes)) for last in range(first + 1, len(sizes) + 1)}


def _sizes(keys: Iterable[tuple[Any, ...]]) -> set[int]:
    return set(Counter(tuple(str(part) for part in key) for key in keys).values())
