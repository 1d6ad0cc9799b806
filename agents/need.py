"""What a request needs of the device, by its words: a change, or unknown. And what an answer says about a change."""

from __future__ import annotations

import re
from typing import Final

from agents.turn import Need

_ASKED: Final = re.compile(
    r"^(?:(?:hi|hey|hello|ok|okay|yes|now|then|and|so|also|please|pls|kindly|just)[\s,.!]+)*"
    r"(?:(?:can|could|would|will) you(?: please)? |i (?:want|need) you to |i(?:'d| would) like you to |let's )?"
    r"(?:please )?(?P<verb>[a-z]+)\b(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)
_CHANGES: Final = re.compile(
    r"add|append|approve|archive|assign|cancel|change|clear|close|complete|create|delete|drop|duplicate|edit|erase|"
    r"finish|insert|mark|move|postpone|push|raise|reassign|remove|rename|reopen|replace|reschedule|reset|revise|save|"
    r"schedule|set|tick|unassign|update"
)
# These verbs also ask for something to read: "make a chart", "write a summary", "schedule for today".
_AMBIGUOUS: Final = re.compile(r"add|change|create|make|put|schedule|set|write")
_VIEWS: Final = re.compile(
    r"\b(?:chart|graph|plot|diagram|table|timeline|gantt|summary|overview|list|report|plan|view|pie|bar)s?\b",
    re.IGNORECASE,
)
_ITEMS: Final = re.compile(
    r"\b(?:tasks?|to-?dos?|reminders?|notes?|projects?|checkpoints?|milestones?)\b", re.IGNORECASE
)
_SENTENCE: Final = re.compile(r"[^.!?？؟\n]*[?？؟]")
_POLITE: Final = re.compile(
    r"\b(?:anything|something) else|\belse (?:can|could|should|may)\b|\bhelp (?:you )?(?:with|further)|\bmore help\b",
    re.IGNORECASE,
)
_CLAIM: Final = re.compile(
    r"\b(?:i|i've|i have|we've|we have)(?: just| now| successfully| already)* "
    r"(?:added|approved|assigned|changed|completed|created|deleted|finished|made|marked|moved|removed|renamed|reopened|"
    r"rescheduled|saved|scheduled|set|updated)\b"
    r"|\b(?:has|have|is|are|was|were)(?: been)?(?: now| just| successfully| already)* "
    r"(?:added|approved|changed|created|deleted|marked|moved|removed|renamed|reopened|rescheduled|saved|updated)\b"
    r"|\b(?:done|all set)\s*[.!]",
    re.IGNORECASE,
)


# A claim in an answer to a request that was not classed as a change. Narrower than `_CLAIM`: such an answer may also
# report when items were changed ("The note was updated on Friday").
_OWN_CLAIM: Final = re.compile(
    r"\b(?:i|i've|i have|we've|we have)(?: just| now| successfully| already)* "
    r"(?:added|approved|archived|assigned|cancelled|canceled|changed|closed|completed|created|deleted|erased|finished|"
    r"moved|postponed|removed|renamed|reopened|rescheduled|saved|scheduled|unassigned|updated|"
    r"marked\b(?=[^.!?\n]*\b(?:as|done|complete|completed|finished)\b)|set\b(?=[^.!?\n]*\b(?:due|date|status|priority)))\b"
    r"(?P<object>[^.!?\n\"]*)",
    re.IGNORECASE,
)
_PASSIVE_CLAIM: Final = re.compile(
    r"\b(?:has|have)(?: now| just| successfully)* been(?: now| just| successfully)* "
    r"(?:added|approved|archived|changed|completed|created|deleted|marked|moved|removed|renamed|reopened|rescheduled|saved|updated)\b"
    r"|\bis now (?:deleted|removed|completed|done|marked|renamed|updated)\b"
    r"|(?:^|[\"\n])\s*(?:done|all set)\s*[.!]"
    r"|\b(?:task|note|project|checkpoint)s? (?:added|created|deleted|removed|completed|updated|renamed|moved)"
    r"(?: successfully)?[.!]",
    re.IGNORECASE,
)
_PAST: Final = re.compile(
    r"^\W*(?:did|have|has|had|was|were|when|who|what|which|why|thanks|thank you|thx|great|perfect|nice)\b",
    re.IGNORECASE,
)


def need_by_words(message: str) -> Need | None:
    """`change` if the message clearly orders a change of items; None if its words do not say."""
    asked = _ASKED.match(message.strip())
    if asked is None:
        return None
    verb, rest = asked["verb"].lower(), asked["rest"]
    if _AMBIGUOUS.fullmatch(verb):
        return "change" if _ITEMS.search(rest) and not _VIEWS.search(rest) else None
    return "change" if _CHANGES.fullmatch(verb) else None


def asks_back(answer: str) -> bool:
    """Whether an answer asks the person something, and does not claim that a change was made.

    A polite offer of more help at the end is not a question. Only English claims are recognised.
    """
    questions = [question[0] for question in _SENTENCE.finditer(answer)]
    return not _CLAIM.search(answer) and any(not _POLITE.search(question) for question in questions)


def claims_change(answer: str, message: str, *, called: bool) -> bool:
    """Whether an answer claims that items were changed for the request `message`, which was not classed as a change.

    `called`: the model read the device, so the answer may report earlier changes. So may an answer to a question about
    the past. Charts, lists and the like that the answer shows are not items. Only English claims are recognised.
    """
    if _PAST.match(message):
        return False
    if any(_of_items(claim["object"]) for claim in _OWN_CLAIM.finditer(answer)):
        return True
    return not called and _PASSIVE_CLAIM.search(answer) is not None


def _of_items(words: str) -> bool:
    """Whether a claim with this object is about items, and not about a chart or a list in the answer."""
    view, item = _VIEWS.search(words), _ITEMS.search(words)
    return view is None or (item is not None and item.start() < view.start())
