"""What of an exchange is worth remembering: a summary of it, and what is new in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from memory.text.analyser import Analyser

MAX_LEARNED_CHARS: Final = 20_000
_MAX_SUMMARY_PART: Final = 200
_SENTENCE: Final = re.compile(r"[^.!?\n]+[.!?]*")
_WORD: Final = re.compile(r"\w+(?:['\u2019]\w+)?")
# This share of the words of an answer's sentence in one recalled text makes it a repetition of that.
_REPEATED: Final = 0.8
# A statement of fewer words says too little to be known by them.
_TELLING_WORDS: Final = 3
_ASKING: Final = re.compile(
    r"^(?:what|who|whom|whose|when|where|which|why|how|is|are|was|were|do|does|did|can|could|will|would|should|have|has"
    r"|tell me|show|list|remind me (?:what|who|when|where|which|how)|find|give me)\b",
    re.IGNORECASE,
)


def summarise(message: str, response: str) -> str:
    """The beginnings of both, in one line: the summary when no model writes a better one."""
    asked, answered = _beginning(message), _beginning(response)
    return f"{asked} → {answered}" if answered else asked


def worth_learning(message: str, response: str, recalled: Sequence[str]) -> str | None:
    """The part of an exchange that memory does not hold yet, or None.

    What was recalled for the answer and comes back in it would otherwise be learned again, as if said anew, each time
    somebody asks. What the person says is left out only where they say a recalled text word for word: one word makes a
    correction of it ("on Thursday", "I don't").
    """
    analyser = Analyser()
    known = [_terms(analyser, text) for text in recalled]
    said = message.strip()
    if _is_quoted(said, recalled):
        said = ""
    told = " ".join(
        sentence.strip()
        for sentence in _SENTENCE.findall(response)
        if not _is_repeated(_terms(analyser, sentence), known)
    ).strip()
    if not said or (is_question(said) and recalled and not _terms(analyser, told)):
        # A question alone says nothing, and an answer without its question says too little.
        return None
    if not _terms(analyser, said) and not _terms(analyser, told):
        return None
    return "\n".join(part for part in (said, told) if part)[:MAX_LEARNED_CHARS]


def told(message: str, response: str) -> list[frozenset[str]]:
    """What an exchange says, as the words of each of its statements: by these it is known again when it is forgotten.

    The person's statements count; when they only ask, the answer's. Statements of one word ("Thank you!") count only
    when nothing longer is said; where all are of one or two, they count together.
    """
    side = message if not is_question(message) else response
    analyser = Analyser()
    found = [frozenset(_terms(analyser, sentence)) for sentence in _SENTENCE.findall(side) if not is_question(sentence)]
    if any(len(words) >= _TELLING_WORDS for words in found):
        return list(dict.fromkeys(words for words in found if len(words) > 1))
    whole = frozenset(_terms(analyser, message + " " + side if side is not message else message))
    return [whole] if whole else []


def says_again(saying: Sequence[frozenset[str]], message: str, response: str) -> bool:
    """Whether an exchange says all the statements of another (`told`), each in one of its sentences on either side.

    All of them, with all their words: sentences in common, a greeting or how an assistant begins its answers, make no
    repetition, and one other word makes another fact ("on Thursday").
    """
    if len(saying) == 1 and len(saying[0]) < _TELLING_WORDS:
        return told(message, response) == list(saying)
    analyser = Analyser()
    sentences = [_terms(analyser, sentence) for side in (message, response) for sentence in _SENTENCE.findall(side)]
    return bool(saying) and all(any(words <= sentence for sentence in sentences) for words in saying)


def is_question(text: str) -> bool:
    """Whether `text` asks and states nothing, as far as its form tells."""
    sentences = [sentence.strip() for sentence in _SENTENCE.findall(text) if sentence.strip()]
    return bool(sentences) and all(
        sentence.endswith("?") or _ASKING.match(sentence) is not None for sentence in sentences
    )


def normalised(text: str) -> str:
    """The form in which two texts are the same memory: case, spaces and closing punctuation do not matter."""
    return " ".join(text.casefold().split()).rstrip(".!? ")


def _beginning(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MAX_SUMMARY_PART else line[: _MAX_SUMMARY_PART - 1].rstrip() + "…"


def _terms(analyser: Analyser, text: str) -> set[str]:
    return {word.term for word in analyser.words(text)}


def _is_repeated(terms: set[str], known: Sequence[set[str]]) -> bool:
    return bool(terms) and any(
        len(terms & other) >= _REPEATED * len(terms) and not any(map(_has_digit, terms - other)) for other in known
    )


def _has_digit(term: str) -> bool:
    return any(character.isdigit() for character in term)


def _is_quoted(text: str, known: Sequence[str]) -> bool:
    """Whether all sentences of `text` stand in one of `known`, word for word."""
    sentences = [words for sentence in _SENTENCE.findall(text) if (words := _in_words(sentence))]
    return bool(sentences) and any(all(words in other for words in sentences) for other in map(_in_words, known))


def _in_words(text: str) -> str:
    words = _WORD.findall(text.casefold())
    return f" {' '.join(words)} " if words else ""
