"""Blind terms can be counted like words, and reveal no word without the key."""

from __future__ import annotations

from collections import Counter

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from memory.crypto.blind_terms import TERM_BYTES, BlindTerms
from memory.crypto.derive import derive_key
from memory.text.analyser import Analyser, without_stamp

KEY = b"2Tt5QLnnMfHgq1hW1cVt6nXcXm7xQ5ZC1m2V9y0aB3E="
TEXTS = st.text("abc déß'1,-東京 ", max_size=200) | st.text(max_size=200)


@given(TEXTS)
def test_the_counts_are_those_of_the_words(text: str) -> None:
    document = BlindTerms(KEY).document(text)
    clear = Counter(word.term for word in Analyser().indexed(text))
    assert sorted(document.counts.values()) == sorted(clear.values())
    assert document.length == clear.total()
    assert all(len(term) == TERM_BYTES for term in document.counts)


@given(TEXTS)
def test_a_query_asks_for_the_terms_of_the_same_text(text: str) -> None:
    terms = BlindTerms(KEY)
    asked = terms.query(text)
    assert set(asked) == set(terms.document(without_stamp(text)).counts)
    assert len(asked) == len(set(asked))
    assert list(terms.query_words(text)) == asked


def test_equal_for_equal_keys_and_disjoint_for_different_ones() -> None:
    text = "dinner with Sarah in Lisbon on 5 May"
    mine = set(BlindTerms(KEY).query(text))
    assert mine == set(BlindTerms(KEY).query(text))
    assert mine.isdisjoint(BlindTerms(Fernet.generate_key()).query(text))


def test_stored_terms_stay_valid() -> None:
    # A change of this derivation needs another label, and all stored terms must be computed again.
    assert BlindTerms(KEY).query("memories")[0].hex() == "0b23c307e80f0449688dbdbd3c4ed1a5"


def test_a_matched_term_is_shown_as_it_was_written() -> None:
    assert list(BlindTerms(KEY).query_words("Sarah's Bookings on May 5th").values()) == [
        "sarah's", "bookings", "may 5th", "may 5th", "may 5th"
    ]  # fmt: skip


def test_the_order_of_the_terms_says_nothing_about_the_order_of_the_text() -> None:
    words = [f"word{number}" for number in range(40)]
    terms = BlindTerms(KEY)
    stored = list(terms.document(" ".join(words)).counts)
    assert stored == sorted(stored) == list(terms.document(" ".join(reversed(words))).counts)


def test_texts_that_differ_in_a_common_word_only_are_not_the_same() -> None:
    terms = BlindTerms(KEY)
    assert terms.document("I want green tea").counts == terms.document("I never take green tea").counts
    assert not terms.same_words("I want green tea", "I never take green tea")
    assert terms.same_words("green tea, I want!", "I want green tea")


def test_nothing_shown_has_the_key_in_it() -> None:
    assert repr(BlindTerms(KEY)) == "<BlindTerms>"


def test_purposes_get_different_keys_and_short_keys_none() -> None:
    assert derive_key(KEY, b"one") != derive_key(KEY, b"two")
    with pytest.raises(ValueError, match="at least 32"):
        derive_key(KEY[:31], b"one")
