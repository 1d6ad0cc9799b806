"""Ways to feed a parser, and comparisons of the results."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import pytest

from parser import BlockOpened, BlockParser, BlockReady, BlockType, Event, Limits, TextDelta, block_reader, held_objects
from parser.repair import MOST_WORK, repaired


def merged(events: Iterable[Event]) -> list[Event]:
    """The events with adjacent text deltas of one block joined: what must not depend on how the text was cut."""
    out: list[Event] = []
    for event in events:
        last = out[-1] if out else None
        if isinstance(event, TextDelta) and isinstance(last, TextDelta) and last.index == event.index:
            out[-1] = TextDelta(event.index, last.text + event.text)
        else:
            out.append(event)
    return out


def parse(chunks: Iterable[str], limits: Limits | None = None) -> list[Event]:
    """All events of an answer that came in `chunks`, merged."""
    parser = BlockParser(limits)
    events = [event for chunk in chunks for event in parser.feed(chunk)]
    return merged(events + parser.close())


def single_splits(text: str) -> Iterator[list[str]]:
    """`text` in two pieces, cut at every place."""
    for cut in range(1, len(text)):
        yield [text[:cut], text[cut:]]


def random_splits(text: str, seed: int, longest: int = 8) -> list[str]:
    """`text` in pieces of 1 to `longest` characters."""
    random = Random(seed)
    chunks: list[str] = []
    at = 0
    while at < len(text):
        size = random.randint(1, longest)
        chunks.append(text[at : at + size])
        at += size
    return chunks


def assert_same_however_cut(text: str, limits: Limits | None = None, *, single: bool = True) -> list[Event]:
    """Feed `text` whole, by character, at random splits and (`single`) at every split; returns the events."""
    whole = parse([text], limits)
    with repaired_once():
        assert parse(text, limits) == whole
        for seed in range(3):
            assert parse(random_splits(text, seed), limits) == whole
        if single:
            for chunks in single_splits(text):
                assert parse(chunks, limits) == whole, chunks
    return whole


@contextmanager
def repaired_once() -> Iterator[None]:
    """Repair each object once: the splits of a text have the same objects, and a repair depends on nothing else.

    It is more than half of the work of a text that needs it.
    """
    made: dict[tuple[str, int], bytes] = {}

    def once(source: str, budget: int = MOST_WORK) -> dict[str, Any] | None:
        key = source, budget
        if key not in made:
            made[key] = pickle.dumps(repaired(source, budget))
        value: dict[str, Any] | None = pickle.loads(made[key])  # noqa: S301 - our own
        return value

    with pytest.MonkeyPatch.context() as patch:
        for module in (block_reader, held_objects):
            patch.setattr(module, "repaired", once)
        yield


def assert_orderly(events: Iterable[Event]) -> None:
    """The order that `parser.events` promises, for any input."""
    opened: dict[int, BlockType] = {}
    over: set[int] = set()
    newest = -1
    for event in events:
        assert event.index not in over
        if isinstance(event, BlockOpened):
            assert event.index > newest
            opened[event.index] = event.type
        elif isinstance(event, TextDelta):
            assert opened[event.index] is BlockType.TEXT
            assert event.text
            assert not any("\ud800" <= character <= "\udfff" for character in event.text)
        else:
            over.add(event.index)
            if isinstance(event, BlockReady):
                assert opened[event.index] is event.block.type
            else:
                assert len(event.excerpt) <= 80
        assert newest <= event.index <= newest + 1
        newest = event.index
