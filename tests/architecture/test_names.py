"""Names of modules: nouns in the field's terms, not gerunds, and none that says nothing."""

from __future__ import annotations

import pytest

from tests.architecture.layout import ARROWS, ROOT, python_files

NOUNS_IN_ING = {"binding", "embedding", "reasoning", "recording", "spending", "streaming"}
"""Nouns that end like a gerund: a value's binding, a vector, a recorded stream, spent tokens."""

VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "base_utils"}


def gerunds(names: set[str]) -> set[str]:
    """The names whose last word ends in "ing", without the nouns."""
    last_words = {name: name.split("_")[-1] for name in names}
    return {name for name, word in last_words.items() if word.endswith("ing") and word not in NOUNS_IN_ING}


def test_modules_and_folders_are_nouns() -> None:
    paths = [path.relative_to(ROOT) for path in python_files(*ARROWS, "bench", "tests")]
    assert not gerunds({part for path in paths for part in path.with_suffix("").parts})


@pytest.mark.parametrize(
    ("name", "is_gerund"),
    [
        ("filling", True),
        ("block_writing", True),
        ("missing_vectors", False),
        ("embedding", False),
        ("settings", False),
        ("replies", False),
    ],
)
def test_a_gerund_is_found(name: str, is_gerund: bool) -> None:
    assert gerunds({name}) == ({name} if is_gerund else set())


def test_every_allowed_noun_is_needed() -> None:
    names = {part for path in python_files(*ARROWS, "bench") for part in path.relative_to(ROOT).with_suffix("").parts}
    assert {name.split("_")[-1] for name in names} >= NOUNS_IN_ING


def test_no_file_has_a_name_that_says_nothing() -> None:
    assert not [path for path in python_files(*ARROWS, "tests") if path.stem in VAGUE_NAMES]
