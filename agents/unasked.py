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
    r"(?:give|hand) (?!me\b|us\b).+ to |(?:re)?assign .+ to |(?:rename|reopen|delete|remove|complete|finish) "
    r"|(?:gib|weise?) .+ (?:an|zu)\b|lösche? |erledige? |supprime[sz]? |(?:donne|attribue|assigne)[sz]? .+ à "
    r"|(?:elimina|borra) |(?:asigna|da) .+ a )",
    re.IGNORECASE,
)
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
        if _EXISTING.match(turn.message) and not _NEW.search(turn.message):
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


def _has_context(turn: Turn) -> bool:
    """Whether the conversation or the view may tell what a pronoun means."""
    earlier = turn.earlier
    return bool(turn.history or earlier.facts or earlier.summaries or earlier.unread) or turn.scope is not None
