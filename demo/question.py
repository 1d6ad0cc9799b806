"""Reads what a question asks about the items: one item, or a selection by person, project, state or order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Pick = Literal["first", "next", "latest", "most"]

_END = r"[\s?.!]*$"
_THE = r"(?:the |my |our |a |an )?"
_KIND = r"(?:tasks?|projects?|notes?|checkpoints?|milestones?)\b"
_ONE = r"(?:task|project|note|checkpoint|milestone)"
_WHEN = r"(?:today|tomorrow|this|next|coming|on)\b"
# One item that the question is about. "said" means that a note has the answer.
_ABOUT: tuple[tuple[bool, re.Pattern[str]], ...] = tuple(
    (said, re.compile(pattern, re.IGNORECASE))
    for said, pattern in (
        (False, rf"^(?:show(?: me)?|open|how is) (?:the |my )?{_ONE} (?!with\b|in\b|by\b|of\b)(.+?)(?: doing)?{_END}"),
        (True, rf"^summari[sz]e (?:the |my )?note (.+?){_END}"),
        (
            False,
            (
                rf"^when(?:['’]s| is| are| does| do| will| was| did) {_THE}(.+?)"
                rf"(?: (?:due|happen|start|be|take place))?{_END}"
            ),
        ),
        (
            False,
            (
                r"\b(?:status|state|deadline|due date|details?|date) (?:of|for) "
                rf"{_THE}(?!(?:tasks?|each|everything)\b)(.+?){_END}"
            ),
        ),
        (
            False,
            (
                rf"^who(?:(?:['’]s| is) (?:working on|responsible for|doing|on)| works? on| does| has) {_THE}"
                rf"(?!what\b|free\b|you\b)(.+?){_END}"
            ),
        ),
        (
            True,
            rf"^what (?:did|does|do|would) {_THE}(?!i\b|we\b|you\b)(.+?) (?:say|want|think|need|miss|write|like)\b.*$",
        ),
        (False, rf"^what(?:'s| is| are| was) (?:on|in) (?!(?:my )?(?:progress|plate|hold)\b){_THE}(.+?){_END}"),
        (
            False,
            (
                r"^(?:tell me (?:more )?about|what about|details of|describe) "
                rf"(?!(?:my |the )?(?:{_KIND}|{_WHEN})){_THE}(.+?){_END}"
            ),
        ),
        (
            False,
            (
                rf"^(?:is|was|has|have) {_THE}(?!there\b|anything\b|everything\b)(.+?)"
                rf"(?: been)? (?:done|sent|signed|finished|approved|completed|ready){_END}"
            ),
        ),
    )
)
_PERSON = tuple(
    re.compile(pattern)
    for pattern in (
        r"\b(?:assigned|given|delegated) to ([A-Z]\w+|me)\b",
        r"\b[Ww]hat (?:does|is|has|must|should) ([A-Z]\w+) (?:have|need|do|doing|working|still|got|to)\b",
        r"\btasks (?:does|has|must|should) ([A-Z]\w+) (?:still )?(?:have|need|do|got)\b",
        r"\b([A-Z]\w+)[’']s (?:open |overdue )?(?:tasks|work|todos)\b",
    )
)
_WHERE = re.compile(
    r"\b(?:left(?: to do)?|next|open|remaining|tasks?|todos?|notes?|checkpoints?|milestones?|to do|planned|happening)"
    rf" (?:in|for|on|of|with|at) {_THE}(.+?)(?: project)?{_END}",
    re.IGNORECASE,
)
_WITHOUT = (
    ("dueDate", re.compile(r"\b(?:no|without(?: an?| any)?) (?:due )?dates?\b|\bundated\b", re.IGNORECASE)),
    ("projectId", re.compile(r"\b(?:no|without(?: an?| any)?) projects?\b", re.IGNORECASE)),
    ("assignee", re.compile(r"\b(?:no|without(?: an?)?) (?:assignee|owner)\b|\bunassigned\b", re.IGNORECASE)),
)
_PICKS: tuple[tuple[Pick, str], ...] = (
    ("most", r"\bmost (?:open |unfinished )?(?:tasks|work)\b|\bbusiest project\b"),
    ("latest", r"\b(?:latest|newest|last|most recent) (?:note|memo)\b"),
    ("first", r"\bmost (?:urgent|important)\b|\b(?:do|start with|work on|tackle) (?:first|next|now)\b"),
    (
        "next",
        (
            r"\bnext (?:milestone|checkpoint|deadline|task|step|thing)\b|\bwhich \w+ (?:is|comes) next\b"
            r"|\bwhat(?:['’]s| is| comes) next\b"
        ),
    ),
)
_STATES = (
    ("active", r"\b(?:active|running|current)\b"),
    ("on_hold", r"\bon hold\b"),
    ("completed", r"\b(?:completed|finished|done)\b"),
)
_OUTSIDE = re.compile(
    r"\b(?:weather|forecast|jokes?|poem|story|song|recipe|news|translate|translation|football|stock price|capital of"
    r"|who won|exchange rate)\b"
    r"|^(?:please )?(?:write|draft|send|compose) (?:\w+ ){0,3}(?:e-?mail|letter|message|post)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Question:
    """`about` is the name of one item, `said` whether its text is asked for; `outside` is nothing that the tools know.

    The other fields select items: of a `person`, `where` (a project or a person), `without` a field, `approved`,
    `state` of a project, `pick` of one item by an order.
    """

    about: str | None = None
    said: bool = False
    person: str | None = None
    where: str | None = None
    without: str | None = None
    approved: bool | None = None
    state: str | None = None
    pick: Pick | None = None
    outside: bool = False

    @property
    def selects(self) -> bool:
        """Whether a word of the message says what is asked."""
        return self != Question()


NOTHING_ASKED = Question()


def read_question(text: str) -> Question:
    """Read any `text` that is not a command."""
    if _OUTSIDE.search(text):
        return Question(outside=True)
    person = next((match[1] for pattern in _PERSON if (match := pattern.search(text))), None)
    pick = next((pick for pick, pattern in _PICKS if re.search(pattern, text, re.IGNORECASE)), None)
    without = next((field for field, pattern in _WITHOUT if pattern.search(text)), None)
    where = _WHERE.search(text)
    selected = Question(
        person=person,
        where=where[1] if where else None,
        without=without,
        approved=_approved(text),
        state=_state(text),
        pick=pick,
    )
    if person or pick or without or selected.approved is not None:
        return selected
    for said, pattern in _ABOUT:
        if match := pattern.search(text):
            return Question(about=match[1].strip(), said=said)
    return selected


def _approved(text: str) -> bool | None:
    lowered = text.lower()
    waits = r"\b(?:not|n't)(?: yet)? approved\b|\bunapproved\b|\b(?:need|wait\w* for|await\w*) (?:my )?approv"
    if re.search(waits, lowered):
        return False
    return True if re.search(r"\b(?:which|what|list|show|how many)\b.*\bapproved\b", lowered) else None


def _state(text: str) -> str | None:
    lowered = text.lower()
    if not re.search(r"\bprojects?\b", lowered):
        return None
    return next((state for state, pattern in _STATES if re.search(pattern, lowered)), None)
