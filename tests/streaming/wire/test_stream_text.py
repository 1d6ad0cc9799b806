"""`StreamText` gives the same JSON as the model `WsStreamText`."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticSerializationError

from streaming.wire import WsStreamText
from streaming.wire.stream_text import StreamText, TextFrames

ID = UUID(int=7)
CHARACTERS = st.one_of(
    st.characters(exclude_categories=["Cs"]),
    st.sampled_from('"\\/\x00\x08\t\n\x0b\x0c\r\x1b\x1f\x7f\x80\x9f\u2028\u2029\ufeff😀'),
)


@given(st.uuids(), st.integers(0, 2**40), st.text(CHARACTERS), st.integers(0, 2**60))
def test_the_same_json_byte_for_byte(request_id: UUID, block: int, chunk: str, seq: int) -> None:
    model = WsStreamText(seq=seq, request_id=request_id, block=block, chunk=chunk)
    for frame in (StreamText(request_id, block, chunk), TextFrames(request_id).frame(block, chunk)):
        assert frame.to_json(seq) == model.model_dump_json().encode()
        assert frame.to_model(seq) == model


def test_every_character_below_the_surrogates_and_some_beyond() -> None:
    chunk = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x11000)]))
    assert (
        StreamText(ID, 0, chunk).to_json(1)
        == WsStreamText(seq=1, request_id=ID, block=0, chunk=chunk).model_dump_json().encode()
    )


def test_a_lone_surrogate_cannot_break_the_socket() -> None:
    frame = StreamText(ID, 0, "a\ud800b")
    assert frame.to_json(1).endswith(b'"chunk":"a?b"}')
    with pytest.raises(PydanticSerializationError):
        frame.to_model().model_dump_json()


def test_the_frames_of_several_blocks() -> None:
    frames = TextFrames(ID)
    made = [frames.frame(0, "a"), frames.frame(0, "b"), frames.frame(2, "c"), frames.frame(0, "d")]
    assert made == [StreamText(ID, block, chunk) for block, chunk in ((0, "a"), (0, "b"), (2, "c"), (0, "d"))]
    assert [frame.to_json(1) for frame in made] == [StreamText(f.request_id, f.block, f.chunk).to_json(1) for f in made]
    assert made[0].with_chunk("x") == StreamText(ID, 0, "x")
    assert made[0] != made[1]
    assert made[0] != made[0].to_model()
    assert "a" not in repr(StreamText(ID, 0, "aaaa")).partition("characters")[0].split("of")[1]
