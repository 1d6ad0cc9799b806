"""The part of a conversation that fits a token budget: the newest exchanges in full, older ones by summary. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from memory.conversations.facts import name_facts, shorten_facts

_FULL_SHARE: Final = 0.75
"""The part of the budget for full exchanges, if not all of them fit. The summaries get the rest."""
BYTES_PER_TOKEN: Final = 4
"""UTF-8 bytes that count as one token."""
_MAX_NAMED_CHARS: Final = 1_500
"""Characters of the ids and titles that a summarised exchange keeps, as JSON: about 20 items."""
_CUT: Final = "…"


@dataclass(frozen=True, slots=True)
class PastExchange:
    """An exchange in full. `facts`: what its answer showed and changed. `complete`: the model finished the answer."""

    message: str
    response: str
    at: datetime
    complete: bool = True
    facts: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class PastSummary:
    """An exchange by its summary. `facts`: the ids and titles of the items that its answer showed or changed."""

    text: str
    at: datetime
    facts: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class Earlier:
    """What is known of a conversation before a message, oldest first: `summaries`, then `exchanges`.

    `omitted`: older exchanges are left out, because neither they nor their summaries fit the budget.
    """

    exchanges: Sequence[PastExchange] = ()
    summaries: Sequence[PastSummary] = ()
    omitted: bool = False


def tokens_in(text: str) -> int:
    """About how many tokens a model counts in `text`: a quarter of its UTF-8 bytes, rounded up.

    This is close for English, and too high rather than too low for Japanese or Arabic.
    """
    return -(-len(text.encode("utf-8", "surrogatepass")) // BYTES_PER_TOKEN)


def fit(
    newest_first: Iterable[tuple[str, datetime, Callable[[], PastExchange | None]]], budget: int, *, more: bool = False
) -> Earlier:
    """What of a conversation fits `budget` tokens.

    `newest_first` yields the summary of each exchange, its time, and a function that reads the exchange (None: it is
    unreadable). An exchange is read only if it may fit. The newest one is always shown, cut if it is larger than the
    budget. `more`: there are older exchanges than these.
    """
    rows = list(newest_first)
    full: list[tuple[PastExchange, int]] = []
    used, taken = 0, 0
    for _, _, read in rows:
        exchange = read()
        if exchange is None:
            taken += 1
            continue
        size = _size(exchange)
        if full and used + size > budget:
            break
        if not full and size > budget:
            exchange = _shortened(exchange, budget)
            size = _size(exchange)
        full.append((exchange, size))
        used += size
        taken += 1
    if taken < len(rows) or more:
        # Not all fit: make room for summaries, but keep the newest exchange.
        while len(full) > 1 and used > budget * _FULL_SHARE:
            used -= full.pop()[1]
            taken -= 1
    summaries = []
    for text, at, read in rows[taken:]:
        used += tokens_in(text)
        if used > budget:
            break
        exchange = read()
        # A follow-up such as "Move the second one" may be about an older list. Other summaries need room too.
        names = _names_within(exchange.facts if exchange is not None else (), (budget - used) // 2)
        used += _facts_size(names)
        summaries.append(PastSummary(text, at, names))
    omitted = more or taken + len(summaries) < len(rows)
    return Earlier(tuple(exchange for exchange, _ in reversed(full)), tuple(reversed(summaries)), omitted)


def _size(exchange: PastExchange) -> int:
    return tokens_in(exchange.message) + tokens_in(exchange.response) + _facts_size(exchange.facts)


def _facts_size(facts: Sequence[Mapping[str, Any]]) -> int:
    return tokens_in(json.dumps(list(facts), ensure_ascii=False, default=str)) if facts else 0


def _facts_within(facts: Sequence[Mapping[str, Any]], budget: int) -> Sequence[Mapping[str, Any]]:
    """The facts in at most `budget` tokens. A character of Japanese or Arabic is more than one byte."""
    chars = budget * BYTES_PER_TOKEN
    while (kept := shorten_facts(facts, chars)) and _facts_size(kept) > budget:
        chars = chars * 3 // 4
    return tuple(kept)


def _names_within(facts: Sequence[Mapping[str, Any]], budget: int) -> Sequence[Mapping[str, Any]]:
    """The ids and titles in `facts`, in at most `budget` tokens."""
    chars = min(budget * BYTES_PER_TOKEN, _MAX_NAMED_CHARS)
    while (kept := name_facts(facts, chars)) and _facts_size(kept) > budget:
        if chars < BYTES_PER_TOKEN:
            return ()
        chars = chars * 3 // 4
    return tuple(kept)


def _shortened(exchange: PastExchange, budget: int) -> PastExchange:
    """The exchange within `budget` tokens: the facts are shortened to half of it at least, then both texts are cut."""
    text = tokens_in(exchange.message) + tokens_in(exchange.response)
    shorter = replace(exchange, facts=_facts_within(exchange.facts, max(budget - text, budget // 2)))
    if _size(shorter) <= budget:
        return shorter
    budget -= _facts_size(shorter.facts)
    half = budget // 2
    message = _cut(exchange.message, max(half, budget - tokens_in(exchange.response)))
    return replace(shorter, message=message, response=_cut(exchange.response, budget - tokens_in(message)))


def _cut(text: str, tokens: int) -> str:
    """`text` without its middle, in at most about `tokens` tokens."""
    if tokens_in(text) <= tokens:
        return text
    side = max(0, len(text) * tokens // (2 * tokens_in(text)) - len(_CUT))
    return text[:side].rstrip() + _CUT + (text[-side:].lstrip() if side else "")
