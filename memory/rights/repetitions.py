"""Decides for one stored exchange whether it is forgotten together with others. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from memory.rights.subject import SubjectWords
from memory.text import Analyser, Said, Statement, fragments_of, is_question
from memory.tiers import Exchange, normalised

Verdict = Literal["repeats", "mentions", "other"]


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict on an exchange. `rewritten`: it without recalled texts that are forgotten; None: unchanged."""

    verdict: Verdict
    rewritten: Exchange | None = None


def judge(
    forgotten: Sequence[Said], texts: Collection[str], exchange: Exchange, *, in_own_words: bool = False
) -> Judged:
    """Compare an exchange with the forgotten ones.

    `in_own_words`: it repeats them only if its message states the same, not if its answer does.

    `texts`: the texts of forgotten items, `normalised`. An exchange keeps the texts that were recalled for its answer,
    and must not keep forgotten ones.
    """
    said = Said.of(exchange.message, exchange.response)
    repeating = Said(said.stated, said.stated, said.whole) if in_own_words else said
    if (said.stated or not in_own_words) and any(one.is_repeated_by(repeating) for one in forgotten):
        return Judged("repeats")
    kept = [text for text in exchange.recalled if not _is_forgotten(forgotten, texts, text)]
    rewritten = replace(exchange, recalled=kept) if len(kept) < len(exchange.recalled) else None
    return Judged("mentions" if any(one.is_mentioned_by(said) for one in forgotten) else "other", rewritten)


def states(subject: str, exchange: Exchange) -> list[Statement]:
    """The statements of the person's message about `subject`."""
    words = SubjectWords(subject)
    told = [one for one in fragments_of(exchange.message) if not is_question(one) and words.in_text(one)]
    whole = Said.of(exchange.message, "").stated
    return [statement for one in told for statement in Said.of(one, "").stated if statement in whole]


def without_subject(exchange: Exchange, subject: str) -> Exchange | None:
    """The exchange without the sentences about `subject`; None: nothing else is left."""
    return _left_of(exchange, SubjectWords(subject).in_text)


def without_values(exchange: Exchange, values: Iterable[Any]) -> Exchange | None:
    """The exchange without the sentences that state one of these values of a preference; None: nothing else is left.

    If no sentence of the message names a value, because a model put it into other words, the result is the exchange as
    it is, or None if the message states only one thing.
    """
    wanted = [terms for value in values if isinstance(value, str) and (terms := Analyser().terms(value))]
    analyser = Analyser()
    return _left_of(exchange, lambda text: any(terms <= analyser.terms(text) for terms in wanted))


def _left_of(exchange: Exchange, is_wanted: Callable[[str], bool]) -> Exchange | None:
    message, response = _without(exchange.message, is_wanted), _without(exchange.response, is_wanted)
    if message == exchange.message:
        return None if len(Said.of(message, "").stated) <= 1 else exchange
    if not Said.of(message, "").stated:
        return None
    recalled = [text for text in exchange.recalled if _without(text, is_wanted) == text]
    return replace(exchange, message=message, response=response, recalled=recalled, facts=())


def _without(text: str, is_wanted: Callable[[str], bool]) -> str:
    left = [fragment for fragment in fragments_of(text) if not is_wanted(fragment)]
    return text if len(left) == len(fragments_of(text)) else "".join(left).strip()


def _is_forgotten(forgotten: Sequence[Said], texts: Collection[str], text: str) -> bool:
    said = Said.of(text, "")
    return normalised(text) in texts or any(one.is_mentioned_by(said) for one in forgotten)
