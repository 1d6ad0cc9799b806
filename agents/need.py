"""What a request needs of the device, by its words: a change, or unknown. And whether it is about the past."""

from __future__ import annotations

import re
from typing import Final

from agents.turn import Need

_ASKED: Final = re.compile(
    r"^(?:(?:hi|hey|hello|ok|okay|yes|now|then|and|so|also|please|pls|kindly|just|thanks|thank you|great|perfect|bitte)"
    r"[\s,.!]+)*"
    r"(?:(?:can|could|would|will) you(?: please)? |i (?:want|need) you to |i(?:'d| would) like you to |let's |"
    r"why don't you )?"
    r"(?:please )?(?P<verb>get rid of|[^\W\d_]+)\b(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)
_CHANGES: Final = re.compile(
    r"get rid of|add|append|approve|archive|"
    r"assign|cancel|change|clear|close|complete|create|delete|drop|duplicate|edit|erase|"
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
_ORDERS: Final = re.compile(
    r"lösch\w*|entfern\w*|erledig\w*|erstell\w*|änder\w*|verschieb\w*|markier\w*|benenn\w*|"
    r"supprim\w*|efface\w*|ajoute\w*|crée\w*|modifi\w*|déplac\w*|renomm\w*|termin\w*|"
    r"elimina\w*|borra\w*|añad\w*|agrega\w*|crea\w*|modifica\w*|mueve\w*|completa\w*"
)
_PAST: Final = re.compile(
    # German questions begin with "was" too: "Was ist heute fällig?"
    r"^\W*(?:did|have|has|had|was(?! (?:ist|sind|muss|soll|kann|steht|gibt|liegt|hab|mach)\w*\b)|were|when|who)\b"
    r"|^\W*(?:what|which)\b.*\b(?:did|have|has|was|were)\b"
    r"|^\W*(?:thanks|thank you|thx|great|perfect|nice)(?: (?:so much|very much|a lot|you|job|work))*\W*$",
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
    return "change" if _CHANGES.fullmatch(verb) or _ORDERS.fullmatch(verb) else None


def asks_about_past(message: str) -> bool:
    """Whether the message asks what happened or only gives thanks, so that the answer may report earlier changes."""
    return _PAST.match(message) is not None
