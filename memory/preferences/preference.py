"""A preference that a person stated or took back, and the form of a rule that finds it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final


@dataclass(frozen=True, slots=True)
class Preference:
    """A preference: `key` is its name. `value` None: the person said that it no longer holds.

    `was`: the value that no longer holds, in the person's words; None: any value.
    """

    key: str
    value: str | None
    was: str | None = None


Make = Callable[[re.Match[str]], Iterable[Preference]]
"""The preferences of a match; none: the sentence says something else."""


@dataclass(frozen=True)
class Rule:
    """A form of sentence. `pattern` matches a whole clause.

    It is compiled when it is first used: to compile the patterns of all rules takes half a second, and most processes
    that import them never read a message.
    """

    form: str
    make: Make

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(self.form, re.IGNORECASE)


@dataclass(frozen=True)
class Language:
    """The rules of one language.

    `opening` matches words before a statement that mean nothing. `joint` matches where another statement may begin in
    the same sentence. `subjects` are put before a part without a subject: "and work at Acme". `correction` matches a
    message that only corrects the one before; its group is the right value.
    """

    rules: Sequence[Rule]
    opening: re.Pattern[str]
    joint: re.Pattern[str]
    subjects: Sequence[str] = ()
    correction: re.Pattern[str] | None = None

    @cached_property
    def any_rule(self) -> re.Pattern[str]:
        """Matches what at least one of the rules matches. Most texts match none, and this finds out in one step.

        Compiles the patterns of all rules too.
        """
        forms = [rule.pattern.pattern for rule in self.rules]
        return re.compile("|".join(f"(?:{form})" for form in forms), re.IGNORECASE)

    @property
    def compiled(self) -> bool:
        """Whether all patterns are compiled."""
        return "any_rule" in self.__dict__


def rules_of(tail: str, *forms: tuple[str, Make]) -> list[Rule]:
    """Rules from patterns of statements; `tail` is the pattern of the words that may follow any of them."""
    return [Rule(rf"(?:{form})(?:{tail})[\s.!;,…。！]*$", make) for form, make in forms]


def fixed(key: str, value: str) -> Make:
    """This preference."""
    return lambda _: [Preference(key, value)]


def plain(key: str) -> Make:
    """The first group is the value."""
    return lambda match: [Preference(key, said)] if (said := trimmed(match[1])) else []


def named(key: str, names: Mapping[str, str]) -> Make:
    """The first group is one of `names`, which gives the value."""

    def make(match: re.Match[str]) -> list[Preference]:
        value = names.get(" ".join(match[1].casefold().split()))
        return [] if value is None else [Preference(key, value)]

    return make


def gone(key: str) -> Make:
    """The preference no longer holds. The first group, if there is one, is its value."""

    def make(match: re.Match[str]) -> list[Preference]:
        said = match[1] if match.re.groups else None
        return [Preference(key, None, trimmed(said) if said else None)]

    return make


def unless(words: Iterable[str], make: Make) -> Make:
    """`make`, if the first group neither starts with nor ends with one of `words`."""
    refused = frozenset(words)

    def checked(match: re.Match[str]) -> Iterable[Preference]:
        said = trimmed(match[1]).casefold().split()
        return [] if not said or said[0] in refused or said[-1] in refused else make(match)

    return checked


def each(prefix: str, articles: str, refused: Iterable[str] = (), *, taken_back: bool = False) -> Make:
    """One preference for each thing in the first group: `prefix` "allergy" and "cats and pollen" give two names.

    `articles` is the pattern of articles to leave out. `refused` are words that are not things.
    """
    article, never = re.compile(rf"^(?:{articles})\s*", re.IGNORECASE), frozenset(refused)

    def make(match: re.Match[str]) -> list[Preference]:
        things = [article.sub("", trimmed(part)) for part in _LIST.split(match[1])]
        if not all(things) or any(never & set(thing.casefold().split()) for thing in things):
            return []
        keys = [f"{prefix}_{'_'.join(thing.casefold().split())}" for thing in things]
        if taken_back:
            return [Preference(key, None) for key in keys]
        return [Preference(key, thing) for key, thing in zip(keys, things, strict=True)]

    return make


def trimmed(text: str) -> str:
    """`text` without white space and punctuation at its ends."""
    return text.replace("\ue000", ". ").strip(" \t\n.,;:!…。、！")


_LIST: Final = re.compile(r"\s*,\s*|\s+(?:and|or|und|oder|et|ou|y|e|o)\s+|と|や", re.IGNORECASE)
