"""The repair of unpaired surrogates: whatever comes out can be encoded, and nothing else is changed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parser import SurrogateMender, well_formed, well_formed_json

TEXTS = st.text(st.characters(codec=None) | st.sampled_from("\ud83d\ude00\ud800\\u"), max_size=8)


@given(st.lists(TEXTS, max_size=5))
def test_pieces_give_what_the_whole_gives(pieces: list[str]) -> None:
    mender = SurrogateMender()
    fed = "".join([*map(mender.mend, pieces), mender.mend("", last=True)])
    assert fed == well_formed("".join(pieces))
    fed.encode()


@given(TEXTS)
def test_text_without_surrogates_is_unchanged(text: str) -> None:
    once = well_formed(text)
    assert well_formed(once) == once
    if not any("\ud800" <= character <= "\udfff" for character in text):
        assert once == text


@given(st.recursive(TEXTS | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner)))
def test_json_is_what_its_strings_are_when_repaired(value: object) -> None:
    for source in (json.dumps(value), json.dumps(value, ensure_ascii=False)):
        repaired = well_formed_json(source)
        repaired.encode()
        assert json.dumps(json.loads(repaired)) == json.dumps(json.loads(well_formed_json(json.dumps(value))))
        json.dumps(json.loads(repaired), ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("source", "becomes"),
    [
        (r'"\ud83d\ude00"', r'"\ud83d\ude00"'),
        (r'"\uD83D\uDE00\ud83d"', r'"\uD83D\uDE00\ufffd"'),
        (r'"\ude00\ud83d"', r'"\ufffd\ufffd"'),
        (r'"\ud83d\ud83d\ude00"', r'"\ufffd\ud83d\ude00"'),
        (r'"\\ud83d"', r'"\\ud83d"'),
        (r'"\\\ud83d"', r'"\\\ufffd"'),
        (r'"\ud83d\n"', r'"\ufffd\n"'),
        (r'"\ud7ff\ue000"', r'"\ud7ff\ue000"'),
        (r'"\ud83', r'"\ud83'),
        ("\\", "\\"),
        ('"\ud83d"', '"\ufffd"'),
    ],
)
def test_escapes_of_unpaired_surrogates(source: str, becomes: str) -> None:
    assert well_formed_json(source) == becomes
