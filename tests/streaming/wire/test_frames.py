"""The frames: round trips, refusals with a code, and no value of an invalid frame in an error."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from streaming.wire import (
    CLIENT_FRAME,
    SERVER_FRAME,
    WsFrameType,
    WsPing,
    WsStreamText,
)
from streaming.wire.codes import CloseCode, ErrorCode
from streaming.wire.inbound import FrameError, FrameSubject, decode_client_frame
from tests.streaming.sample_frames import CLIENT_FRAMES, ID, SERVER_FRAMES

SECRET = "s3cret-v@lue"
OTHER = "00000000-0000-4000-8000-00000000000f"


@pytest.mark.parametrize("sample", CLIENT_FRAMES, ids=lambda sample: sample["type"])
def test_client_frames_round_trip(sample: dict[str, Any]) -> None:
    frame = decode_client_frame(json.dumps(sample))
    written = json.loads(frame.model_dump_json())
    # Optional fields have a default; no value from the client is lost or changed.
    assert {key: written[key] for key in sample} == sample
    assert decode_client_frame(frame.model_dump_json()) == frame


@pytest.mark.parametrize("sample", SERVER_FRAMES, ids=lambda sample: sample["type"])
def test_server_frames_round_trip(sample: dict[str, Any]) -> None:
    frame = SERVER_FRAME.validate_json(json.dumps(sample))
    assert json.loads(frame.model_dump_json()) == sample
    assert SERVER_FRAME.validate_json(frame.model_dump_json()) == frame


def test_every_type_has_a_sample() -> None:
    assert {sample["type"] for sample in CLIENT_FRAMES + SERVER_FRAMES} == {kind.value for kind in WsFrameType}
    for union, samples in ((CLIENT_FRAME, CLIENT_FRAMES), (SERVER_FRAME, SERVER_FRAMES)):
        choices = union.json_schema()["discriminator"]["mapping"]
        assert {sample["type"] for sample in samples} == choices.keys()


@pytest.mark.parametrize("sample", CLIENT_FRAMES, ids=lambda sample: sample["type"])
def test_unknown_fields_are_ignored(sample: dict[str, Any]) -> None:
    assert decode_client_frame(json.dumps({**sample, "invented": {"later": 1}})) == decode_client_frame(
        json.dumps(sample)
    )


@pytest.mark.parametrize("sample", CLIENT_FRAMES, ids=lambda sample: sample["type"])
def test_an_unpaired_surrogate_in_any_string_is_replaced(sample: dict[str, Any]) -> None:
    text = json.dumps({**sample, "invented": ["?"]}).replace("Z\\u00e4hne", "?").replace("What today?", "?")
    cut = decode_client_frame(text.replace("?", r"\ud83d"))
    assert cut == decode_client_frame(text.replace("?", r"\ufffd"))
    cut.model_dump_json()


def test_frames_are_frozen() -> None:
    frame = WsPing()
    with pytest.raises(ValidationError):
        frame.type = WsFrameType.PONG  # type: ignore[misc, assignment] # that it is an error is the point


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("", ErrorCode.INVALID_FRAME, "not JSON"),
        ("{", ErrorCode.INVALID_FRAME, "not JSON"),
        ("\ufeff{}", ErrorCode.INVALID_FRAME, "not JSON"),
        ("[" * 5000, ErrorCode.INVALID_FRAME, "not JSON"),
        ('{"type": "ping"} {}', ErrorCode.INVALID_FRAME, "not JSON"),
        ("null", ErrorCode.INVALID_FRAME, ""),
        ("[]", ErrorCode.INVALID_FRAME, ""),
        ('"ping"', ErrorCode.INVALID_FRAME, ""),
        ("{}", ErrorCode.INVALID_FRAME, "`type`"),
        (f'{{"type": "{SECRET}"}}', ErrorCode.UNKNOWN_TYPE, "type"),
        ('{"type": "stream_end"}', ErrorCode.UNKNOWN_TYPE, "type"),
        ('{"type": null}', ErrorCode.UNKNOWN_TYPE, "type"),
        ('{"type": ["ping"]}', ErrorCode.UNKNOWN_TYPE, "type"),
        ('{"type": "cancel"}', ErrorCode.INVALID_FRAME, "request_id"),
        (f'{{"type": "cancel", "request_id": "{SECRET}"}}', ErrorCode.INVALID_FRAME, "request_id"),
        ('{"type": "home_request", "message": ""}', ErrorCode.INVALID_FRAME, "message"),
        (f'{{"type": "home_request", "message": {{"a": "{SECRET}"}}}}', ErrorCode.INVALID_FRAME, "message"),
        (f'{{"type": "auth_refresh", "token": ["{SECRET}"]}}', ErrorCode.INVALID_FRAME, "token"),
        (
            f'{{"type": "popup_request", "message": "m", "scope": {{"type": "{SECRET}"}}}}',
            ErrorCode.INVALID_FRAME,
            "scope.type",
        ),
        (
            '{"type": "home_request", "message": "m", "conversation_history": [{"role": "system", "content": ""}]}',
            ErrorCode.INVALID_FRAME,
            "conversation_history.0.role",
        ),
        *(
            (
                json.dumps({"type": type_, "message": "m", "scope": {"type": "task"}, field: conversation_id}),
                ErrorCode.INVALID_FRAME,
                f"{type_}.{field}: a conversation's id",
            )
            for type_, field in (("home_request", "conversation_id"), ("popup_request", "session_id"))
            for conversation_id in ("a\nb", "a\x00", "\x7f", "\u2028", "\x85", ".", "..")
        ),
    ],
)
def test_refusals(text: str, code: ErrorCode, says: str) -> None:
    with pytest.raises(FrameError) as raised:
        decode_client_frame(text)
    error = raised.value
    assert error.code is code
    assert says in str(error)
    assert SECRET not in str(error) + repr(error) + repr(error.__context__)


def subject_of(text: str) -> FrameSubject:
    with pytest.raises(FrameError) as raised:
        decode_client_frame(text)
    return raised.value.subject


@pytest.mark.parametrize(
    ("frame_type", "field"),
    [
        ("home_request", "request_id"),
        ("popup_request", "request_id"),
        ("tool_result", "call_id"),
        ("data_response", "data_id"),
        ("memory_forget", "memory_id"),
        ("mutation", "mutation_id"),
    ],
)
def test_a_refusal_names_what_the_frame_was_about(frame_type: str, field: str) -> None:
    expected = FrameSubject(WsFrameType(frame_type), **{field: UUID(ID)})
    frame = {"type": frame_type, field: ID, "ok": "what", "items": 5, "message": "", "scope": 1}
    if frame_type != "memory_forget":
        assert subject_of(json.dumps(frame)) == expected
    # Also of a text that is not JSON, whether the end or the middle of it is wrong.
    text = json.dumps({"type": frame_type, field: ID, "data": "x"})
    assert subject_of(text[:-1]) == expected
    assert subject_of(text.replace('"x"', "NaN?")) == expected


@pytest.mark.parametrize(
    "begin",
    [
        f'{{"data":{{"type":"ping","call_id":"{OTHER}","items":[{{"call_id":"{OTHER}"}}]}},',
        '{"data":{"type":"meeting","call_id":"no"},',
        f'{{"data":[{{"a":"}}","call_id":"{OTHER}"}}],"note":"a {chr(92)}"{{[",',
        '{"data":"' + "x" * 70_000 + '",',
    ],
)
def test_the_fields_of_an_unreadable_frame_are_not_those_of_its_data(begin: str) -> None:
    text = begin + f'"type":"tool_result","call_id":"{ID}",'
    assert subject_of(text) == FrameSubject(WsFrameType.TOOL_RESULT, call_id=UUID(ID))


def test_an_id_that_is_text_of_the_person_is_not_the_frames() -> None:
    said = json.dumps({"type": "home_request", "message": f'"call_id": "{ID}"'})
    assert subject_of(said[:-1]) == FrameSubject(WsFrameType.HOME_REQUEST)
    inner = {"type": "tool_result", "data": {"call_id": ID}}
    assert subject_of(json.dumps(inner)) == FrameSubject(WsFrameType.TOOL_RESULT)


@pytest.mark.parametrize("text", ["", "[]", "5", "{", '{"type":"nonsense","call_id":"no"}', '{"type":5,"call_id":5}'])
def test_nothing_is_invented_about_an_unreadable_frame(text: str) -> None:
    assert subject_of(text) == FrameSubject()


@pytest.mark.parametrize("sample", CLIENT_FRAMES, ids=lambda sample: sample["type"])
@given(data=st.data())
def test_no_text_but_a_frame_or_a_frame_error(sample: dict[str, Any], data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(sample)))
    value: Any = data.draw(
        st.none() | st.integers() | st.text(max_size=5) | st.lists(st.none(), max_size=2) | st.just({})
    )
    try:
        frame = decode_client_frame(json.dumps({**sample, key: value}))
    except FrameError as error:
        assert error.code in (ErrorCode.INVALID_FRAME, ErrorCode.UNKNOWN_TYPE)  # noqa: PT017 - one of two outcomes
    else:
        assert decode_client_frame(frame.model_dump_json()) == frame


def test_optional_fields_are_left_out_but_nulls_in_data_stay() -> None:
    sample = {"type": "mutation", "op": "update", "entity": "task", "id": "t", "data": {"assignee": None}}
    assert json.loads(decode_client_frame(json.dumps(sample)).model_dump_json()) == sample
    assert "request_id" not in SERVER_FRAME.validate_python({**sample, "seq": 1}).model_dump_json()


def test_text_that_is_not_ascii_is_not_escaped() -> None:
    assert (
        "Zähne \N{GRINNING FACE}"
        in WsStreamText(request_id=ID, block=0, chunk="Zähne \N{GRINNING FACE}").model_dump_json()
    )


def test_close_codes_say_whether_to_reconnect() -> None:
    ours = [code for code in CloseCode if code >= 4000]
    assert all(4000 <= code < 4100 or 4500 <= code < 4600 for code in ours)
