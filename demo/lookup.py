"""Finds the items that a question is about, and selects those that it asks for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

from demo.items import Item, Items, find_by_name, is_done, item_day, title
from demo.question import Question
from demo.vocabulary import unknown_words

_ENTITIES = ("checkpoint", "task", "project", "note")
_SMALL = frozenset({"the", "a", "an", "my", "our", "to", "of", "and", "for", "in", "on", "with"})


def about(items: Items, name: str, *, said: bool) -> list[tuple[str, Item]]:
    """The items that match most words of `name`, with their entities; none if fewer than half of the words match.

    With `said` only notes count, with their text; else the titles decide, and the text of notes only if no title fits.
    """
    words = _words(name)
    if not words:
        return []
    if said:
        return _most(
            words, [("note", item, _words(f"{title(item)} {item.get('content', '')}")) for item in items.of("note")]
        )
    titled = [(entity, item, _words(title(item))) for entity in _ENTITIES for item in items.of(entity)]
    exact = [(entity, item) for entity, item, own in titled if own == words]
    return exact or _most(words, titled) or about(items, name, said=True)


def selected(question: Question, entity: str, found: Sequence[Item], items: Items) -> tuple[list[Item], str, str]:
    """The items that the question selects, and the words before and behind the noun that describe them."""
    chosen, before, behind = list(found), "", ""
    person = question.person
    if question.where is not None:
        projects = find_by_name(items.of("project"), question.where)
        if len(projects) == 1 and entity != "project":
            chosen = [item for item in chosen if str(item.get("projectId")) == str(projects[0].get("id"))]
            behind += f" in “{title(projects[0])}”"
        elif any(_is_of(item, question.where) for item in chosen):
            person = person or question.where
    if person is not None:
        chosen = [item for item in chosen if _is_of(item, person)]
        behind += f" assigned to {person}"
    if question.without is not None:
        chosen = [item for item in chosen if item.get(question.without) is None]
        behind += {"dueDate": " without a due date", "projectId": " without a project"}.get(
            question.without, " that nobody is assigned to"
        )
    if question.approved is not None and entity == "checkpoint":
        chosen = [item for item in chosen if item.get("isApproved") is question.approved]
        before += "approved " if question.approved else "unapproved "
    if question.state is not None and entity == "project":
        chosen = [item for item in chosen if item.get("status") == question.state]
        before += f"{question.state.replace('_', ' ')} "
    return chosen, before, behind


def unknown_place(question: Question, items: Items, entity: str) -> str | None:
    """What the question names as a project or a person, if it is neither; None if there is no such name."""
    where = question.where
    if where is None or not unknown_words(where, ()):
        return None
    if len(find_by_name(items.of("project"), where)) == 1 and entity != "project":
        return None
    return None if any(_is_of(item, where) for item in items.of(entity)) else where


def best(question: Question, entity: str, found: Sequence[Item], items: Items, today: date) -> list[Item]:
    """The one item that the question picks from `found`, which is in order; all of them if it picks none."""
    match question.pick:
        case "latest" if entity == "note":
            dated = [item for item in found if item_day(entity, item) is not None]
            return [max(dated, key=lambda item: item_day(entity, item) or date.min)] if dated else list(found)
        case "most" if entity == "project" and found:
            return [max(found, key=lambda item: _open_tasks(item, items))]
        case "first" | "next" if entity == "task":
            return [item for item in found if not is_done(item)][:1]
        case "first" | "next" if entity == "checkpoint":
            return [item for item in found if (day := item_day(entity, item)) is not None and day >= today][:1]
    return list(found)


def _open_tasks(project: Item, items: Items) -> int:
    return sum(str(task.get("projectId")) == str(project.get("id")) and not is_done(task) for task in items.of("task"))


def _most(words: set[str], found: Sequence[tuple[str, Item, set[str]]]) -> list[tuple[str, Item]]:
    most = max((len(words & own) for _, _, own in found), default=0)
    if most == 0 or most * 2 <= len(words):
        return []
    return [(entity, item) for entity, item, own in found if len(words & own) == most]


def _is_of(item: Item, person: str) -> bool:
    return str(item.get("assignee", "")).casefold() == person.casefold()


def _words(text: str) -> set[str]:
    """The words without endings of plurals and verbs, so that "end" finds "ends"."""
    return {word.removesuffix("s") for word in re.findall(r"\w+", text.casefold()) if word not in _SMALL}
