"""What each part of the search gives: the same questions with the part and without it, on a file of conversations.

The last message of each conversation is not stored. It is asked, and must find the conversation that it belongs to. So
the questions are what people really wrote.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Final
from uuid import UUID

from bench.memories.comparison import difference
from bench.memories.corpus import Conversation, Item, read_corpus
from bench.memories.environment import Environment
from memory.recall import Floor, Ranking
from person import StatedLocale
from sql.tenant import scoped

CUTS: Final = (1, 5, 8)
_SAY_EVERY: Final = 50
_LEAST_EXCHANGES: Final = 3
_UTC: Final = (StatedLocale("request", time_zone="UTC"),)
_SESSIONS: Final = """
SELECT m.id, e.session_id
FROM memory_associative AS m JOIN memory_episodic AS e ON e.user_id = m.user_id AND e.id = m.source_id
WHERE m.user_id = %(user_id)s
"""
_EARLIER_FLOORS: Final = {
    "the floor: a cosine of 0.62, or 25% of the words": Floor(),
    "the floor: a cosine of 0.62, or 15% of the words, unknown words veto": Floor(coverage=0.15, unknown_weight=1.0),
    "the floor: cosine and words, without the spread": Floor(cosine=0.583, coverage_weight=0.043),
}
_RANKINGS: Final = {
    "BM25 of the memory": Ranking(lexical_weight=0.0),
    "BM25 of the conversation": Ranking(session_weight=0.0),
    "the rank by cosine": Ranking(rank_weight=0.0),
    "cosine and rank (words alone)": Ranking(semantic_weight=0.0, rank_weight=0.0),
    "BM25 of both (vectors alone)": Ranking(lexical_weight=0.0, session_weight=0.0),
}


@dataclass(frozen=True, slots=True)
class Exchange:
    """A message of the person and its answer. The session is a conversation."""

    session: str
    message: str
    answer: str
    when: datetime


@dataclass(frozen=True, slots=True)
class _Asked:
    person: UUID
    exchange: Exchange
    sessions: dict[UUID, str]
    """The session of each memory of the person."""


Found = Callable[[_Asked], Awaitable[Sequence[UUID]]]


async def measure_parts(environment: Environment, paths: Sequence[Path]) -> None:
    """Print a Markdown table: which share of questions find their conversation without each part."""
    asked = [
        one for path in paths for conversation in read_corpus(path) async for one in _written(environment, conversation)
    ]
    if not asked:
        print("no conversations with several exchanges")
        return
    print(f"\n## Parts: {len(asked)} last messages of conversations\n")
    print(f"| without | {' | '.join(f'R@{cut}' for cut in CUTS)} | lost R@5 | lost R@8 | memories per question |")
    print(f"|{'---|' * (len(CUTS) + 4)}")
    adopted = await _rows(asked, _search(environment))
    _print("nothing", adopted, adopted)
    for name, ranking in _RANKINGS.items():
        _print(name, await _rows(asked, _search(environment, ranking)), adopted)
    for name, floor in _EARLIER_FLOORS.items():
        _print(name, await _rows(asked, _search(environment, floor=floor)), adopted)
    conversing = await _rows(asked, _recalled(environment))
    alone = await _rows(asked, _recalled(environment, conversing=False))
    _print("nothing, with two hits per conversation and the previous turn", conversing, conversing)
    _print("the previous turn", alone, conversing)
    _print("two hits per conversation, and without the previous turn", adopted, alone)
    timed = await _rows(asked, _recalled(environment, conversing=False, time=" (yesterday)"))
    _print("nothing, with the range of time, without the previous turn", timed, timed)
    _print("the range of time", alone, timed)
    for person in {one.person for one in asked}:
        await _remove_message_vectors(environment, person)
    _print("the second vector", await _rows(asked, _search(environment)), adopted)


def _print(name: str, rows: Sequence[tuple[float, ...]], adopted: Sequence[tuple[float, ...]]) -> None:
    means = [f"{sum(column) / len(column):.3f}" for column in zip(*rows, strict=True)]
    lost = [str(difference([row[at] for row in adopted], [row[at] for row in rows])) for at in (1, 2)]
    print(f"| {name} | {' | '.join([*means[: len(CUTS)], *lost, means[-1]])} |", flush=True)


async def _rows(asked: Sequence[_Asked], find: Found) -> list[tuple[float, ...]]:
    """For each question: whether its conversation is among the first of `CUTS`, and the number of memories."""
    rows = []
    for one in asked:
        found = [one.sessions.get(id_) for id_ in await find(one)]
        rows.append((*(float(one.exchange.session in found[:cut]) for cut in CUTS), float(len(found))))
    return rows


def _search(environment: Environment, ranking: Ranking | None = None, floor: Floor | None = None) -> Found:
    async def find(one: _Asked) -> list[UUID]:
        found = await environment.recall.search(one.person, one.exchange.message, CUTS[-1], floor, ranking)
        return [item.id for item in found]

    return find


def _recalled(environment: Environment, *, conversing: bool = True, time: str = "") -> Found:
    async def find(one: _Asked) -> list[UUID]:
        recalled = await environment.middleware.enrich_context(
            one.person,
            one.exchange.message + time,
            _UTC,
            one.exchange.when + timedelta(days=1),
            one.exchange.session if conversing else None,
        )
        return [item.id for item in recalled.associative]

    return find


async def _written(environment: Environment, conversation: Conversation) -> AsyncIterator[_Asked]:
    stored, last = _split(conversation.items)
    if not last:
        return
    person, sessions = await environment.person(), {}
    for exchange in stored:
        await environment.middleware.store_episode(
            person,
            exchange.session,
            exchange.message,
            exchange.answer,
            at=exchange.when,
        )
    done = 0
    while count := await environment.middleware.enrichment.run_once():
        done += count
        if done % _SAY_EVERY < count:
            print(f"  {conversation.name}: {done} of {len(stored)} made searchable", file=sys.stderr, flush=True)
    async with scoped(environment.vault.pool, person) as connection:
        rows = await connection.execute(_SESSIONS, {"user_id": person})
        sessions = {row[0]: row[1] for row in await rows.fetchall()}
    for exchange in last:
        yield _Asked(person, exchange, sessions)


def _split(items: Sequence[Item]) -> tuple[list[Exchange], list[Exchange]]:
    """The exchanges to store, in the order of their times, and the last ones of conversations with at least three."""
    sessions: dict[str, list[Exchange]] = {}
    for message, answer in pairwise(items):
        if message.session is None or message.session != answer.session or message.when is None:
            continue
        # The turns of a conversation alternate, and the person begins.
        place = message.id.rpartition("#")[2]
        if place.isdecimal() and int(place) % 2 == 0:
            exchange = Exchange(message.session, message.text, answer.text, message.when)
            sessions.setdefault(message.session, []).append(exchange)
    stored, last = [], []
    for exchanges in sessions.values():
        asked = len(exchanges) >= _LEAST_EXCHANGES
        stored += exchanges[:-1] if asked else exchanges
        last += exchanges[-1:] if asked else []
    return sorted(stored, key=lambda exchange: exchange.when), last


async def _remove_message_vectors(environment: Environment, person: UUID) -> None:
    async with scoped(environment.vault.pool, person) as connection:
        await connection.execute("DELETE FROM memory_messages WHERE user_id = %(user_id)s", {"user_id": person})
        await connection.execute(
            "UPDATE memory_signatures SET message_signature = NULL WHERE user_id = %(user_id)s", {"user_id": person}
        )
