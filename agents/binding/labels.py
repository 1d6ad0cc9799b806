"""The words of computed blocks in the person's language: headers, names of groups, and labels of values. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from parser.blocks import Aggregate, Grouping
from person import ENGLISH, Sentences

_NAME_FIELD: Final[Mapping[str, str]] = {"task": "title", "project": "name", "note": "title", "checkpoint": "title"}
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_CODE: Final = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels in one language. `project_names` maps the id of a project to its name.

    Fields, statuses and priorities of the protocol are in the catalogue. Others have the application's name.
    """

    project_names: Mapping[str, str] = field(default_factory=dict)
    sentences: Sentences = ENGLISH

    def header(self, entity: str, column: str) -> str:
        """The header of a column; that of the items' names is the entity, such as `Task`."""
        return self.sentences.say(f"one.{entity}") if column == _NAME_FIELD[entity] else self.field(column)

    def field(self, name: str) -> str:
        """`dueDate` as `Due date`."""
        label = self.sentences.find(f"field.{name}")
        if label is None:
            words = _words(name)
            return words[:1].upper() + words[1:] if words else name
        return label

    def value(self, name: str, value: object) -> str:
        """The label of a value: a project's name, `In progress` for `in_progress`, `No project` for an empty value."""
        say, find = self.sentences.say, self.sentences.find
        if value is None or value == "":
            return find(f"empty.{name}") or say("empty.other", field=_words(name))
        if name == "projectId":
            return self.project_names.get(str(value), str(value))
        if isinstance(value, bool):
            if value:
                return self.field(name)
            return find(f"false.{name}") or say("false.other", field=_words(name))
        if isinstance(value, str) and name in {"status", "priority"} and _CODE.fullmatch(value):
            return find(f"value.{value}") or value.replace("_", " ").capitalize()
        return str(value)

    def items(self, entity: str) -> str:
        """`Tasks`."""
        return self.sentences.say(f"plural.{entity}")

    def number(self, source: Grouping) -> str:
        """The name of the computed number for a legend or a header: `Tasks`, `Average estimate`."""
        if source.agg is Aggregate.COUNT:
            return self.items(source.entity)
        return self.sentences.say(f"aggregate.{source.agg.value}", field=_words(source.field or ""))


def _words(name: str) -> str:
    """`dueDate` as `due date`."""
    return " ".join(_HUMP.sub(" ", name).replace("_", " ").split()).lower()
