"""The part of a conversation that fits a token budget."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import pytest

from memory.conversations.earlier import Earlier, PastExchange, fit, tokens_in

AT = datetime(2026, 3, 9, 9, tzinfo=UTC)
Row = tuple[str, datetime, Callable[[], PastExchange | None]]


def row(number: int, tokens: int = 10, *, facts: bool = False, readable: bool = True) -> Row:
    """Exchange `number` of `tokens` tokens, half of them in the message."""
    shown = [{"shown": "entity_ref", "items": ["x" * 40]}] if facts else []
    half = "m" * (tokens * 2)
    exchange = PastExchange(half, half[:-1] + str(number), AT, facts=shown)
    return f"summary {number}", AT, lambda: exchange if readable else None


def numbers(earlier: Earlier) -> list[int]:
    return [int(exchange.response[-1]) for exchange in earlier.exchanges]


def texts(earlier: Earlier) -> list[str]:
    return [summary.text for summary in earlier.summaries]


def listed(count: int) -> PastExchange:
    items = [{"id": str(UUID(int=number)), "title": f"Task {number}", "status": "todo"} for number in range(count)]
    facts = [{"showed": "items", "entity": "task", "items": items}, {"showed": "chart", "data": [{"count": 1}]}]
    return PastExchange("Which tasks?", "r" * 4_000, AT, facts=facts)


@pytest.mark.parametrize(("count", "budget"), [(3, 1_000), (40, 1_000), (40, 300), (40, 100)])
def test_a_summarised_exchange_keeps_the_ids_and_titles_of_its_items_and_the_number_of_the_others(
    count: int, budget: int
) -> None:
    found = fit([row(2, budget * 7 // 10), ("list", AT, lambda: listed(count))], budget)
    (summary,) = found.summaries
    assert (summary.text, summary.at) == ("list", AT)
    size = tokens_in(json.dumps(list(summary.facts)))
    assert size <= budget // 4
    items = [item for fact in summary.facts for item in fact.get("items", [])]
    more = sum(fact.get("more", 0) for fact in summary.facts)
    assert len(items) + more == count
    assert all(item == {"id": str(UUID(int=place)), "title": f"Task {place}"} for place, item in enumerate(items))
    assert bool(items) is (budget >= 300)
    assert len(items) < 25


def test_a_summarised_exchange_keeps_what_it_changed() -> None:
    item = {"id": "t1", "title": "Rent", "status": "todo", "dueDate": 1}
    facts = [{"changed": "update", "entity": "task", "item": item}]
    found = fit([row(2, 700), ("list", AT, lambda: PastExchange("m", "r" * 2_000, AT, facts=facts))], 1_000)
    assert found.summaries[0].facts == ({"changed": "update", "entity": "task", "item": {"id": "t1", "title": "Rent"}},)


def test_all_exchanges_that_fit_are_in_full_and_oldest_first() -> None:
    found = fit([row(3), row(2), row(1)], 30)
    assert numbers(found) == [1, 2, 3]
    assert (texts(found), found.omitted) == ([], False)


def test_older_exchanges_are_summarised() -> None:
    found = fit([row(4), row(3), row(2), row(1)], 32)
    assert numbers(found) == [3, 4]
    assert texts(found) == ["summary 1", "summary 2"]
    assert not found.omitted


def test_what_does_not_fit_as_a_summary_is_left_out_and_that_is_said() -> None:
    found = fit([row(number) for number in range(9, 0, -1)], 24)
    assert numbers(found) == [9]
    assert texts(found) == ["summary 5", "summary 6", "summary 7", "summary 8"]
    assert found.omitted


def test_exchanges_that_were_not_read_are_told() -> None:
    assert fit([row(1)], 100, more=True).omitted
    assert not fit([row(1)], 100).omitted


@pytest.mark.parametrize("budget", [1, 8, 50, 99])
def test_the_newest_exchange_is_there_even_if_it_is_larger_than_the_budget(budget: int) -> None:
    found = fit([row(2, 100, facts=True), row(1)], budget)
    (newest,) = found.exchanges
    assert tokens_in(newest.message) + tokens_in(newest.response) <= budget + 4
    # A follow-up such as "move the second one" needs the facts, so they get up to half of the budget.
    assert bool(newest.facts) is (budget >= 50)
    assert "…" in newest.message + newest.response


def test_facts_go_before_words() -> None:
    (newest,) = fit([row(1, 10, facts=True)], 12).exchanges
    assert newest.facts == ()
    assert "…" not in newest.response
    assert fit([row(1, 10, facts=True)], 40).exchanges[0].facts


def test_an_unreadable_exchange_hides_no_other() -> None:
    assert numbers(fit([row(3), row(2, readable=False), row(1)], 30)) == [1, 3]


@pytest.mark.parametrize(
    ("text", "tokens"), [("", 0), ("a", 1), ("four", 1), ("fives", 2), ("日本語", 3), ("\ud800", 1)]
)
def test_tokens_are_a_quarter_of_the_bytes(text: str, tokens: int) -> None:
    assert tokens_in(text) == tokens


def test_no_exchange_gives_nothing() -> None:
    assert fit([], 100) == Earlier()
