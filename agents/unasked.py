"""Changes that contradict the person's own words: they are refused before a device sees them. Pure.

Small models make them: an invented title for "Delete it", or a new task for "Give the login bug to Ann".
"""

from __future__ import annotations

import re
from typing import Any, Final

from agents.tools import Tool, ToolError
from agents.turn import Turn

_POLITE: Final = r"(?:please|bitte|s'il (?:te|vous) pla[iî]t|por favor)"
# An order whose only object is a pronoun, in five languages.
_ONLY_PRONOUN: Final = re.compile(
    rf"\W*(?:{_POLITE}\W+)?(?:(?:can|could|would|will) you (?:please )?)?(?:"
    r"(?:delete|remove|erase|drop|complete|finish|close|reopen|approve|archive|change|update|rename|move)"
    r" (?:it|that|this|that one|this one|them|those|these)"
    r"|mark (?:it|that|this|them) (?:as )?(?:done|finished|complete|completed)"
    r"|(?:lösche?|entferne?|erledige?|schließe?|ändere?) (?:es|das|dies|sie|ihn|diese[ns]?)"
    r"|(?:supprime|efface|termine|modifie|déplace)[sz]?(?:ez)?[- ](?:le|la|les|ça|cela)"
    r"|(?:elim[ií]na|b[oó]rra|term[ií]na|compl[eé]ta|c[aá]mbia)(?:lo|la|los|las)"
    r"|(?:それ|これ|あれ)を(?:削除|消|完了).{0,8}"
    rf")(?:\W+{_POLITE})?\W*",
    re.IGNORECASE,
)
# An order about an item that there is already.
_EXISTING: Final = re.compile(
    rf"\W*(?:{_POLITE}\W+)?(?:(?:can|could|would|will) you (?:please )?)?(?:"
    r"(?:give|hand) (?!me\b|us\b).+ to |(?:re)?assign .+ to "
    r"|(?:gib|weise?) .+ (?:an|zu)\b|(?:donne|attribue|assigne)[sz]? .+ à |(?:asigna|da) .+ a )",
    re.IGNORECASE,
)
# The same, by verbs that take no new item: "mark a task as done" has an article, and means one that there is.
_ON_ITEM: Final = re.compile(
    rf"\W*(?:{_POLITE}\W+)?(?:(?:can|could|would|will) you (?:please )?)?(?:"
    r"rename |reopen |delete |remove |complete |finish |approve |mark .+ (?:as |done)|move .+ (?:to|from|by|into) "
    r"|(?:append|add|put|write) .+ (?:to|into|in) (?:my|the|our) (?:.+ )?notes?\W*$"
    r"|lösche? |erledige? |genehmige? |markiere? |verschiebe? |supprime[sz]? |approuve[sz]? |marque[sz]? |déplace[sz]? "
    r"|elimina |borra |aprueba |marca |mueve )",
    re.IGNORECASE,
)
_MAKES: Final = re.compile(
    r"\b(?:new|another|create|make|remind|neue?[nrs]?|erstell\w*|nouve\w*|crée\w*|nuev\w*|crea\w*)\b"
    r"|\badd an?\b|\b(?:and|then|und|et|y) (?:add|write|note|schreib\w*|ajoute\w*|añad\w*)\b",
    re.IGNORECASE,
)
# An order to make an item of one kind, which the message names.
_ORDERED: Final = re.compile(
    rf"\W*(?:{_POLITE}\W+)?(?:(?:can|could|would|will) you (?:please )?)?"
    r"(?:(?:write|create|add|make|take|start)(?: me| us)?(?: down)? (?:an? |another )?(?:new )?"
    r"|(?:schreibe?|erstelle?|mach|lege?)(?: mir| uns)? (?:eine?n? )?(?:neue[ns]? )?"
    r"|(?:crée|écris|ajoute)[sz]?(?:-moi)? (?:une? )?(?:nouve\w+ )?|(?:crea|escribe|añade) (?:una? )?(?:nuev[oa] )?)"
    r"(?:(?P<note>note|notiz|nota)|(?P<checkpoint>checkpoint|milestone|meilenstein|jalon|hito)"
    r"|(?P<project>project|projekt|projet|proyecto)|(?P<task>task|to-?do|reminder|aufgabe|tâche|tarea))\b",
    re.IGNORECASE,
)
_KINDS: Final = {
    "task": re.compile(r"task|to-?do|remind|aufgabe|erinner|tâche|rappel|tarea|recu[eé]rd", re.IGNORECASE),
    "project": re.compile(r"proje[ck]t|projet|proyecto", re.IGNORECASE),
    "note": re.compile(r"note|notiz|nota", re.IGNORECASE),
    "checkpoint": re.compile(r"checkpoint|milestone|meilenstein|jalon|hito", re.IGNORECASE),
}
# A request with one of these words may also ask for a new item.
_NEW: Final = re.compile(
    r"\b(?:an?|new|another|add|create|make|write|note|remind|neue?[nrs]?|eine?[nrs]?|erstell\w*|une?|nouve\w*|crée\w*"
    r"|ajoute\w*|una?|nuev\w*|crea\w*|añad\w*)\b",
    re.IGNORECASE,
)


def unasked_change(turn: Turn, tool: Tool[Any]) -> ToolError | None:
    """Why `tool` must not run in `turn`; None if it may."""
    if not tool.changes or tool.entity is None:
        return None
    if tool.name.startswith("create_"):
        if _means_existing(turn.message) or _means_another_kind(turn.message, tool.entity):
            return ToolError(
                "not_asked",
                f"The person asked for no new {tool.entity}. Change the {tool.entity} that they mean, or ask them.",
            )
        return None
    if _ONLY_PRONOUN.fullmatch(turn.message.strip()) and not _has_context(turn):
        return ToolError(
            "not_asked",
            f"The person did not say which {tool.entity} they mean, and the conversation names none. Ask them.",
        )
    return None


def _means_existing(message: str) -> bool:
    """Whether the message orders a change of an item that there is already, and no new one."""
    if _ON_ITEM.match(message):
        return _MAKES.search(message) is None
    return _EXISTING.match(message) is not None and _NEW.search(message) is None


def _means_another_kind(message: str, entity: str) -> bool:
    """Whether the message orders a new item of one kind, and does not speak of the kind `entity`."""
    ordered = _ORDERED.match(message)
    return ordered is not None and ordered.lastgroup != entity and _KINDS[entity].search(message) is None


def _has_context(turn: Turn) -> bool:
    """Whether the conversation or the view may tell what a pronoun means."""
    earlier = turn.earlier
    return bool(turn.history or earlier.facts or earlier.summaries or earlier.unread) or turn.scope is not None
