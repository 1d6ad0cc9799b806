"""Reads what a message asks for from its words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Final, Literal

from demo.dates import Span, find_day, find_span, missing_day, span_words
from demo.question import NOTHING_ASKED, Question, read_question
from demo.vocabulary import corrected, unknown_words
from person import UTC_CALENDAR, Calendar

Verb = Literal["list", "create", "complete", "reopen", "delete", "change", "help", "who", "greet", "thank"]
TALKING: Final = frozenset({"help", "who", "greet", "thank"})
"""Verbs that are about the demo model itself."""

ENTITY_WORDS: Mapping[str, tuple[str, ...]] = {
    "task": ("task", "todo", "to-do", "to do", "reminder"),
    "project": ("project", "client"),
    "note": ("note", "memo"),
    "checkpoint": ("checkpoint", "milestone", "deadline", "timeline", "gantt", "roadmap"),
}
_NOUN = re.compile(
    r"\b(?:" + "|".join(f"(?P<{entity}>{'|'.join(words)})" for entity, words in ENTITY_WORDS.items()) + r")s?\b",
    re.IGNORECASE,
)
_LEAD = r"^(?:(?:please|can you|could you|would you|i want to|i'd like to|let's|hey|ok|now|then|and|just)\b[\s,]*)*"
_A = r"(?:\b(?:a|an|the|my|this|that|another|one|new|some)\s+)*"
_ENTITY = r"(?:task|todo|to-do|reminder|project|note|memo|checkpoint|milestone)"
_PRIORITY = r"(?:\w+[ -]priority\s+|urgent\s+)?"
_VERBS: tuple[tuple[Verb, str], ...] = (
    ("help", rf"{_LEAD}(?:help(?: me)?|what can you do|what do you (?:do|understand))\b[\s?!.]*$"),
    ("who", rf"{_LEAD}(?:who|what) are you\b[\s?!.]*$"),
    ("greet", r"^(?:hi|hello|hey|good (?:morning|afternoon|evening))(?: there)?\b[\s?!.,]*$"),
    ("thank", r"^(?:ok(?:ay)?,? )?(?:thanks|thank you|thx|cheers)(?: a lot| very much| so much)?\b[\s?!.,]*$"),
    ("delete", rf"{_LEAD}(?:delete|remove|discard|throw away|get rid of)\b"),
    ("reopen", rf"{_LEAD}(?:reopen|re-open|mark .+ as (?:not done|open|todo|to do))\b"),
    ("complete", rf"{_LEAD}(?:complete|finish|close|tick off|check off|mark .+ (?:done|completed?|finished))\b"),
    ("change", rf"{_LEAD}(?:move|reschedule|postpone|push|approve|set|change)\b"),
    (
        "create",
        (
            rf"{_LEAD}(?:(?:create|add|make|start|new|take|write|plan)\s+{_A}{_PRIORITY}{_ENTITY}\b"
            r"|remind me|remember to|jot down|write down|note down|note that\b|note:|todo:|task:)"
        ),
    ),
)
_LIST: Verb = "list"
_QUOTED = re.compile(r"\"([^\"]+)\"|“([^”]+)”|(?<!\w)'([^']+)'(?!\w)")
_CALLED = re.compile(r"\b(?:called|named|titled|saying|that says)\s+(.+)$", re.IGNORECASE)
_COMMAND = re.compile(
    rf"{_LEAD}(?:create|add|make|start|new|take|write down|write|plan|delete|remove|discard|throw away|get rid of"
    r"|reopen|re-open|complete|finish|close|tick off|check off|mark|move|reschedule|postpone|push|approve|set|change"
    rf"|remind me|remember|jot down|note down|note|todo|task)\b[\s:,]*{_A}{_PRIORITY}(?:{_ENTITY}\b)?[\s:,]*"
    r"(?:(?:to|that|for|about|called|named)\b\s*)?",
    re.IGNORECASE,
)
_ASIDE = re.compile(
    r"\b(?:with |at )?(?:high|medium|low|top) priority\b|\burgent(?:ly)?\b|\bplease\b"
    r"|\b(?:in|for|to|under) (?:the )?(?:project\s+.+|[\w'-]+(?: [\w'-]+)? project)$",
    re.IGNORECASE,
)
# Words after the name of an existing item: "mark it as done", "delete the pilot task".
_AFTER_NAME = re.compile(r"\b(?:as )?(?:not done|done|completed?|finished|open|todo|task)\s*$", re.IGNORECASE)
_PLACES: Mapping[str, int] = {
    word: place
    for place, words in enumerate(
        ("first 1st", "second 2nd", "third 3rd", "fourth 4th", "fifth 5th", "sixth 6th", "seventh 7th", "eighth 8th")
    )
    for word in words.split()
} | {"last": -1}
_PLACE = re.compile(rf"({'|'.join(_PLACES)})(?: (?:one|item|{_ENTITY}))?", re.IGNORECASE)
_PROJECTS = (
    re.compile(r"\b(?:in|for|to|under|of) (?:the )?project\s+([^,.?!]+)", re.IGNORECASE),
    re.compile(r"\b(?:in|for|under|of) the ([\w' -]+?) project\b", re.IGNORECASE),
)
# An answer lists items of one kind.
_SEVERAL = re.compile(rf"\b{_ENTITY}s?(?:,| and| or)(?: my| the| all)* {_ENTITY}s?\b", re.IGNORECASE)
_SEARCH = re.compile(
    r"(?<!tell me )(?<!tell me more )(?<!what )\b(?:about|mention(?:s|ing)?|containing"
    r"|search(?: (?:my |the |all )*\w+)? for"
    r"|find(?: (?:my |the |all )*notes?)?(?: on| for)?|look for)\s+(.+)$",
    re.IGNORECASE,
)
_CHART = re.compile(
    r"\b(area|bar|line|pie|radar|radial)\b(?=.*\b(?:chart|graph|plot|diagram)\b)|\b(chart|graph|plot|diagram)\b",
    re.IGNORECASE,
)
_GROUPS: tuple[tuple[str, str], ...] = (
    ("status", r"\b(?:by|per) (?:status|state)\b"),
    ("priority", r"\b(?:by|per) (?:priority|urgency)\b"),
    ("projectId", r"\b(?:by|per) (?:project|client)\b|\bof each project\b"),
    ("assignee", r"\b(?:by|per) (?:assignee|person|owner|people)\b|\bwho does what\b|\bworkload\b"),
    ("day", r"\b(?:by|per) (?:day|date|due date)\b|\bover time\b"),
)


@dataclass(frozen=True, slots=True)
class Wish:
    """A message as the rules see it. `entity` is the first entity that a word names.

    `name` is the item to create or to find; `this` means the open item. `chart` is a chart type, `bar` by default;
    `group` is the field to count by. `missing_day` is a date to write that the calendar does not have. `broken` asks
    for a chart that cannot be shown, to demonstrate a repair. `question` is what a list is reduced to. `unknown` are
    words of a wish to list that no rule reads: then it may mean something else.
    """

    verb: Verb
    entity: str | None
    name: str
    this: bool
    day: date | None
    priority: str | None
    project: str | None
    span: Span | None
    search: str | None
    status: str | None
    chart: str | None
    table: bool
    timeline: bool
    overview: bool
    group: str | None
    approve: bool
    broken: bool = False
    missing_day: str | None = None
    question: Question = NOTHING_ASKED
    unknown: tuple[str, ...] = ()

    @property
    def place(self) -> int | None:
        """The place in an earlier list that the name is, from 0; -1 for the last one."""
        found = _PLACE.fullmatch(self.name)
        return None if found is None else _PLACES[found[1].lower()]

    @property
    def vague(self) -> bool:
        """Whether no word says what to list."""
        said = (self.entity, self.span, self.search, self.status, self.priority, self.chart, self.group)
        shown = (self.table, self.timeline, self.overview, self.question.selects)
        return self.verb == "list" and not any((*said, *shown))


def read_wish(message: str, today: date, calendar: Calendar = UTC_CALENDAR) -> Wish:
    """Read any `message`. If no verb matches, it is read as a wish to list, also if a word of that is mistyped."""
    text = " ".join(message.split())
    wish = _read(text, today, calendar)
    if wish.unknown:
        text = corrected(text, wish.unknown)
        wish = _read(text, today, calendar)
    return wish


def _read(text: str, today: date, calendar: Calendar) -> Wish:
    lowered = text.lower()
    verb = next((verb for verb, pattern in _VERBS if re.search(pattern, text, re.IGNORECASE)), _LIST)
    nouns = [entity for match in _NOUN.finditer(text) for entity, word in match.groupdict().items() if word]
    found = find_day(text, today, calendar)
    name = "" if verb == "list" or verb in TALKING else _name(verb, text, found[1] if found else None)
    project = next((match[1].strip() for pattern in _PROJECTS if (match := pattern.search(text))), None)
    chart = _CHART.search(text)
    search = _search(text) if verb == "list" else None
    question = read_question(text) if verb == "list" and search is None else NOTHING_ASKED
    wish = Wish(
        verb=verb,
        missing_day=missing_day(text) if verb in {"create", "change"} else None,
        entity=_entity(verb, nouns, lowered),
        name=name,
        this=name.lower() in {"this", "it", "that", ""},
        day=found[0] if found else None,
        priority=_priority(lowered),
        project=project,
        span=find_span(text, today, calendar),
        search=search,
        question=question,
        status=_status(lowered),
        chart=(chart[1] or "bar").lower() if chart else None,
        table=bool(re.search(r"\btable\b|\blist\b.*\bcolumns?\b|\bspreadsheet\b", lowered)),
        timeline=bool(re.search(r"\btimeline\b|\bgantt\b|\broadmap\b|\bschedule\b", lowered)),
        overview=bool(re.search(r"\boverview\b|\beverything\b|\bsummary\b|\breport\b|\bhow am i doing\b", lowered)),
        group=next((field for field, pattern in _GROUPS if re.search(pattern, lowered)), None),
        approve=bool(re.search(rf"{_LEAD}approve\b", lowered)),
        broken=bool(re.search(r"\bbroken (?:\w+ )?(?:chart|graph|plot|diagram)\b", lowered)),
    )
    # A question about one item is read as a whole.
    if verb != "list" or question.outside or question.about is not None:
        return wish
    read = (question.where, question.person, project, span_words(text, today, calendar))
    searched = _QUOTED.search(text) or _SEARCH.search(text)
    parts = [part for part in (*read, searched[0] if searched else None) if part]
    several = _SEVERAL.search(text)
    return replace(wish, unknown=(several[0],) if several and not wish.overview else unknown_words(text, parts))


def _entity(verb: Verb, nouns: list[str], lowered: str) -> str | None:
    if nouns:
        # "chart of tasks by project" counts tasks, "the notes of my project" lists notes: the first noun counts.
        return nouns[0]
    if re.search(r"remind me|remember to", lowered):
        return "task"
    if re.search(r"(?:jot|write|note) down|^note\b", lowered):
        return "note"
    return "task" if verb in {"complete", "reopen"} else None


def _name(verb: Verb, text: str, day_words: str | None) -> str:
    if quoted := _QUOTED.search(text):
        return next(group for group in quoted.groups() if group).strip()
    called = _CALLED.search(text)
    name = called[1] if called else _COMMAND.sub("", text, count=1)
    if day_words is not None:
        name = name.replace(day_words, " ")
    name = name.strip(" .!?,:;")
    for _ in range(3):
        name = _ASIDE.sub(" ", name).strip(" .!?,:;")
        if verb != "create":
            name = _AFTER_NAME.sub(" ", name).strip(" .!?,:;")
    return " ".join(name.split())


def _priority(lowered: str) -> str | None:
    match = re.search(r"\b(high|medium|low|top)[ -]priority\b|\bpriority (?:to |of |is )?(high|medium|low)\b", lowered)
    if match:
        word = match[1] or match[2]
        return "high" if word == "top" else word
    return "high" if re.search(r"\burgent(?:ly)?\b|\bimportant\b", lowered) else None


def _status(lowered: str) -> str | None:
    if re.search(r"\bin progress\b|\bworking on\b|\bstarted\b", lowered):
        return "in_progress"
    if re.search(r"(?:\bnot|n['’]t)(?: been)?(?: yet)? (?:done|completed|finished)\b", lowered):
        return "open"
    if re.search(r"\b(?:done|completed|finished)\b", lowered):
        return "done"
    return (
        "open"
        if re.search(r"\b(?:open|unfinished|remaining|left|pending|(?:have|has|needs?) to do)\b", lowered)
        else None
    )


def _search(text: str) -> str | None:
    match = _QUOTED.search(text) or _SEARCH.search(text)
    if match is None:
        return None
    found = next(group for group in match.groups() if group).strip(" .!?,")
    found = re.sub(
        rf"^(?:{_A})?(?:{_ENTITY}s?\b\s*)?(?:(?:about|for|on|with|that|the)\s+)*", "", found, flags=re.IGNORECASE
    )
    return found or None
