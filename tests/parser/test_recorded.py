"""The project's own corpus, and what fuzzing found before."""

from __future__ import annotations

import pytest

from tests.parser.corpus_files import lines, plain
from tests.parser.feeds import assert_same_however_cut, parse
from tests.parser.fuzz import CRASHES, check, seeds

ANSWERS = lines()


@pytest.mark.parametrize("name", ANSWERS)
def test_recorded_answer(name: str) -> None:
    row = ANSWERS[name]
    events = parse(row["tokens"])
    assert [plain(event) for event in events] == row["events"]
    assert assert_same_however_cut("".join(row["tokens"]), single=False) == events


def test_the_fuzz_target_accepts_its_seeds() -> None:
    for seed in list(seeds())[::7]:
        check(seed)


@pytest.mark.parametrize("path", sorted(CRASHES.glob("*-*")), ids=lambda path: str(path.name))
def test_what_fuzzing_found(path: object) -> None:
    check((CRASHES / str(path)).read_bytes())
