"""What an exchange says: the units in which forgetting compares exchanges, and in which tombstones recognise them.

Only the person's own message states facts about them. A sentence of the answer is never a reason to forget another
exchange: assistants repeat stock sentences ("Let me know if you need anything else.").
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from memory.text.analyser import Analyser
from memory.text.sentences import fragments_of, is_question

Statement = frozenset[str]
"""The index terms of one sentence. A negated sentence has the term "not" too."""

# A shorter statement is not specific enough to be recognised among other words.
_MIN_SPECIFIC_WORDS: Final = 3
_NOT: Final = re.compile(
    r"\b(?:no|not|never|nobody|nothing|none|neither|nor|without|cannot)\b|n['\u2019]t\b", re.IGNORECASE
)
# Words that mean something only after an earlier message: "move it to Friday", "the second one".
_REFERENCE: Final = re.compile(r"\b(?:it|this|that|them|these|those|es|ça|the (?:\w+ )?ones?)\b", re.IGNORECASE)
_FIRST_PERSON: Final = re.compile(r"\b(?:i|my|mine|we|our|ich|mein\w*|je|mon|mes|mi|mis)\b", re.IGNORECASE)
# Phrases that state nothing, before and after a statement.
_OPENING: Final = re.compile(
    r"^\W*(?:hi|hello|hey|good (?:morning|afternoon|evening|day)|by the way|btw|fyi|you know|remember(?: that)?"
    r"|note that|(?:as|like) i (?:said|mentioned|told you)(?: before| already| earlier)?"
    r"|i (?:said|told you|mentioned) that|again|also|so|well|ok|okay|yes|oh|please"
    r"|thanks|thank you(?: so much| very much)?)"
    r"(?:(?=\W*$)|[\s,:;\u2013\u2014-]+)",
    re.IGNORECASE,
)
_CLOSING: Final = re.compile(
    r"(?<=[\s,;\u2013\u2014-])(?:(?:as|like) i (?:said|mentioned|told you)(?: before| already| earlier)?"
    r"|you know|please"
    r"|thanks|thank you|by the way|btw|ok|okay)$",
    re.IGNORECASE,
)
_LONGEST_CLOSING: Final = 60


@dataclass(frozen=True, slots=True)
class Said:
    """What one exchange says."""

    stated: tuple[Statement, ...]
    """The statements of the person's message. Empty: it only asks, is only polite, or only makes sense in its context.

    "Go on" and "Move it to Friday" are not statements: in another conversation they mean something else.
    """
    sentences: tuple[Statement, ...]
    """All sentences of both sides, questions included."""
    whole: str
    """The same for two exchanges with the same message and the same answer."""

    @classmethod
    def of(cls, message: str, response: str) -> Self:
        """What this exchange says."""
        analyser = Analyser()
        asked = [fragment for fragment in fragments_of(message) if is_question(fragment)]
        told = [fragment for fragment in fragments_of(message) if not is_question(fragment)]
        stated = tuple(
            dict.fromkeys(
                statement
                for fragment in told
                for statement in _statements(analyser, [fragment])
                if not _depends_on_context(fragment, statement)
            )
        )
        others = _statements(analyser, [*told, *asked, *fragments_of(response)])
        whole = "\0".join(" ".join(side.casefold().split()) for side in (message, response))
        return cls(stated, tuple(dict.fromkeys(stated + others)), whole)

    def is_repeated_by(self, other: Said) -> bool:
        """Whether `other` says the same again, so that it is forgotten together with this exchange.

        - All statements of this exchange occur in `other`, on either side.
        - The message of `other` states nothing that this exchange does not.

        An exchange without statements is repeated only by one with the same message and the same answer.
        """
        if not self.stated:
            return not other.stated and self.whole == other.whole
        return self.is_mentioned_by(other) and all(_within(statement, self.stated) for statement in other.stated)

    def is_mentioned_by(self, other: Said) -> bool:
        """Whether all statements of this exchange occur in `other`, which may state more."""
        return bool(self.stated) and all(
            any(_restates(sentence, statement) for sentence in other.sentences) for statement in self.stated
        )


def is_specific(statement: Statement) -> bool:
    """Whether the statement has enough words to be recognised within a longer sentence."""
    return len(statement) >= _MIN_SPECIFIC_WORDS


def _depends_on_context(fragment: str, statement: Statement) -> bool:
    """Whether a sentence of few words, none of them about the person, means nothing without an earlier message."""
    if is_specific(statement) or _FIRST_PERSON.search(fragment) is not None:
        return False
    return len(statement) == 1 or _REFERENCE.search(fragment) is not None


def _statements(analyser: Analyser, fragments: Iterable[str]) -> tuple[Statement, ...]:
    """The statement of each fragment, without those that have no word left."""
    found = (_statement(analyser, fragment) for fragment in fragments)
    return tuple(dict.fromkeys(statement for statement in found if statement))


def _statement(analyser: Analyser, fragment: str) -> Statement:
    text = fragment.strip()
    while (opening := _OPENING.match(text)) is not None:
        text = text[opening.end() :]
    text = _without_closing(text)
    terms = analyser.terms(text)
    return frozenset(terms | {"not"}) if terms and _NOT.search(text) is not None else frozenset(terms)


def _without_closing(text: str) -> str:
    """`text` without a phrase that states nothing at its end, and the punctuation around it.

    It looks at the end only. A pattern for all of it takes time that grows with the cube of a run of punctuation, and
    nothing else runs meanwhile.
    """
    end = len(text)
    while end and not (text[end - 1].isalnum() or text[end - 1] == "_"):
        end -= 1
    closing = _CLOSING.search(text[max(0, end - _LONGEST_CLOSING) : end])
    if closing is None:
        return text
    start = end - len(closing.group())
    while start and (text[start - 1].isspace() or text[start - 1] in ",;\u2013\u2014-"):
        start -= 1
    return text[:start]


def _restates(sentence: Statement, statement: Statement) -> bool:
    if not is_specific(statement):
        return sentence == statement
    return statement <= sentence and ("not" in sentence) == ("not" in statement)


def _within(statement: Statement, known: Iterable[Statement]) -> bool:
    return any(statement <= other and ("not" in statement) == ("not" in other) for other in known)
