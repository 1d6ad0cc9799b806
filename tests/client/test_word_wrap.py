"""Line breaks between words of streamed text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from client.terminal.word_wrap import WordWrap


def wrapped(text: str, width: int, size: int = 1) -> list[str]:
    wrap = WordWrap(lambda: width)
    chunks = [wrap.feed(text[place : place + size]) for place in range(0, len(text), size)]
    return "".join([*chunks, wrap.flush()]).split("\n")


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("one two three", ["one two", "three"]),
        ("one two  \nx", ["one two", "x"]),
        ("abcdefghijkl mn", ["abcdefgh", "ijkl mn"]),
        ("日本語の文章です", ["日本語の", "文章です"]),
        ("ab 日本語", ["ab 日本", "語"]),
        ("a\tb", ["a    b"]),
        ("", [""]),
    ],
)
def test_lines_break_between_words(text: str, lines: list[str]) -> None:
    assert wrapped(text, 8) == lines


def test_a_word_is_held_back_until_it_is_complete() -> None:
    wrap = WordWrap(lambda: 8)
    assert [wrap.feed(chunk) for chunk in ("one tw", "elve", " ")] == ["one", "", "\ntwelve"]
    assert wrap.is_mid_line
    wrap.end_line()
    assert not wrap.is_mid_line


@given(st.text(alphabet="ab 日\n", max_size=40), st.integers(2, 9), st.integers(1, 5))
@settings(max_examples=60)
def test_no_line_is_too_long_and_no_word_is_lost(text: str, width: int, size: int) -> None:
    lines = wrapped(text, width, size)
    # Spaces at the beginning of a line are kept, so they may be longer than the line.
    assert all(cell_len(line.strip()) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert wrapped(text, width, 1) == lines
