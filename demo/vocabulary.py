"""The words that the rules understand in a question.

A word that no rule reads may change the meaning of the question ("which tasks are *not* assigned to me?"). So a
question with such a word is not answered.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

_LISTED: Final = """
what whats which who whose when how many much that there here is are am was were be been being do does have has had got
get a an the my mine our your i we me us you it its this these those
to of in on at for from and or with by per as all any anything some each every still also only just now please can could
would should must need hey ok okay then so
show list give tell display see let look want like make draw count
task tasks todo todos to-do to-dos reminder reminders project projects client clients note notes memo memos
checkpoint checkpoints milestone milestones deadline deadlines item items thing things work stuff plate
open unfinished remaining left pending started progress working doing going done completed finished overdue late due
today tonight tomorrow week month right current currently
high medium low priority priorities urgent urgently important top
area bar line pie radar radial chart graph plot diagram table spreadsheet column columns timeline gantt roadmap
schedule overview summary summarize summarise report everything broken workload
status state assignee person owner people date dates day days time urgency over
"""
_WORDS: Final = frozenset(_LISTED.split())
# Words that are understood only together, or as the question reads them.
_PHRASES: Final = re.compile(
    r"\bnext (?:week|\d{1,3} days|milestone|checkpoint|deadline|task|step|thing)s?\b"
    r"|\bdo next\b|\bwhat(?:['’]s| is| comes) next\b|\bwhich \w+ (?:is|comes) next\b"
    r"|^(?:and )?(?:what|tell me(?: more)?) about\b"
    r"|\b(?:do|start with|work on|tackle) (?:first|next|now)\b|\bwork on\b|\bstart with\b|\btackle\b"
    r"|\bmost (?:urgent|important|(?:open |unfinished )?(?:tasks|work))\b|\bbusiest project\b"
    r"|\b(?:latest|newest|last|most recent) (?:note|memo)\b"
    r"|\b(?:no|without(?: an?| any)?) (?:(?:due )?dates?|projects?|assignee|owner)\b|\bundated\b|\bunassigned\b"
    r"|\bdid (?:i|we) (?:write|note|jot|say)\b"
    r"|(?:\bnot|\w+n['’]t)(?: been)?(?: yet)? (?:done|finished|completed|approved)(?: yet)?\b|\bunapproved\b"
    r"|\b(?:which|what|list|show|how many)\b[\w\s]*\bapproved\b|\b(?:need|wait\w* for|await\w*) (?:my )?approv\w*"
    r"|,? and not before\b"
    r"|\b(?:this|it|that) about\b|\b(?:assigned|given|delegated) to\b|\bpast due\b"
    r"|\b(?:active|running|on hold)\b(?=.*\bprojects?\b)|(?<=\bprojects\b)[\w\s]*\b(?:active|running|on hold)\b",
    re.IGNORECASE,
)
_WORD: Final = re.compile(r"\w+(?:-\w+)*(?:['’]\w+)?")
_LEAST_LETTERS: Final = 4
_LEAST_LETTERS_ADDED: Final = 5


def unknown_words(text: str, understood: Iterable[str]) -> tuple[str, ...]:
    """The words of `text` that no rule reads. `understood` are the parts of it that a rule has read, such as a name."""
    for part in sorted(understood, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(part)}(?:['’]s)?(?!\w)", " ", text, flags=re.IGNORECASE)
    left = _PHRASES.sub(" ", text)
    return tuple(word for word in _WORD.findall(left) if not _is_known(word))


def corrected(text: str, unknown: Sequence[str]) -> str:
    """`text` with each word in `unknown` that is one slip away from a word of the rules replaced by that word.

    A slip is one letter too many or missing, or two neighbours swapped. A wrong letter is none: "starred" is not
    "started". The words that change items are not among the replacements.
    """
    for word in unknown:
        replacement = _nearest(word.lower())
        if replacement is not None:
            text = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", replacement, text)
    return text


def _is_known(word: str) -> bool:
    return re.sub(r"['’](?:s|re|m|ll|ve|d)$", "", word.lower()) in _WORDS or (
        "-" in word and all(part in _WORDS for part in word.lower().split("-"))
    )


def _nearest(word: str) -> str | None:
    if len(word) < _LEAST_LETTERS:
        return None
    near = sorted(known for known in _WORDS if len(known) >= _LEAST_LETTERS and _is_slip(word, known))
    # "task" and "tasks" are equally near to "taks": the first is right in both cases.
    return near[0] if near else None


def _is_slip(word: str, known: str) -> bool:
    if word[0] != known[0] or abs(len(word) - len(known)) > 1 or word == f"{known}s":
        return False
    if len(word) != len(known):
        # Short words have too many neighbours that mean something else: "least" is not "list".
        longer, shorter = sorted((word, known), key=len, reverse=True)
        letters = any(longer[:at] + longer[at + 1 :] == shorter for at in range(len(longer)))
        return letters and len(known) >= _LEAST_LETTERS_ADDED
    wrong = [at for at, (one, other) in enumerate(zip(word, known, strict=True)) if one != other]
    if len(wrong) != 2 or wrong[1] != wrong[0] + 1:
        return False
    return word[wrong[0]] == known[wrong[1]] and word[wrong[1]] == known[wrong[0]]
