"""The validation of inbound frames, and the error that a client gets for an invalid one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final
from uuid import UUID

from pydantic import ValidationError
from pydantic_core import from_json

from parser import well_formed_json
from streaming.wire.client import CLIENT_FRAME, ClientFrame
from streaming.wire.codes import ErrorCode
from streaming.wire.frame_size import MAX_VALUES, has_too_many_values
from streaming.wire.frames import WsFrameType

_FRAME_TYPES: Final = frozenset(WsFrameType)
_ID_FIELDS: Final = ("request_id", "call_id", "data_id", "memory_id", "mutation_id")
# The fields of `FrameSubject` in a text that is not JSON; inside a string their quotes would be escaped.
_FIELD: Final = re.compile(r'(?<!\\)"(request_id|call_id|data_id|memory_id|mutation_id|type)"\s*:\s*"([^"\\]{1,64})"')
_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)

_MAX_SEARCHED: Final = 65_536
_MAX_FIELDS: Final = 500


@dataclass(frozen=True, slots=True)
class FrameSubject:
    """What an invalid frame was about, as far as it could still be read. The client finds its open call with it."""

    frame_type: WsFrameType | None = None
    request_id: UUID | None = None
    call_id: UUID | None = None
    data_id: UUID | None = None
    memory_id: UUID | None = None
    mutation_id: UUID | None = None


class FrameError(Exception):
    """An invalid inbound frame. Code, message and the fields of `subject` are sent to the client in an `error`."""

    def __init__(self, code: ErrorCode, message: str, subject: FrameSubject | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.subject = subject or FrameSubject()


def decode_client_frame(text: str) -> ClientFrame:
    """Validate one inbound frame. Raises `FrameError` with a sentence that names the field, never the value.

    Unpaired surrogates become U+FFFD: a device that cuts a title inside an emoji must not lose the whole frame.
    """
    if has_too_many_values(text):
        message = f"The frame has more than {MAX_VALUES} JSON values. Send it in several frames."
        raise FrameError(ErrorCode.INVALID_FRAME, message, frame_subject(text))
    text = well_formed_json(text)
    try:
        return CLIENT_FRAME.validate_json(text)
    except ValidationError as error:
        code, message = _explain(error)
    raise FrameError(code, message, _subject(text))


def _subject(text: str) -> FrameSubject:
    fields: dict[str, Any] = {}
    try:
        frame = from_json(text)
        if isinstance(frame, dict):
            fields = frame
    except ValueError:
        return frame_subject(text)
    return _named(fields)


def frame_subject(text: str) -> FrameSubject:
    """What the beginning of a text that is not parsed names; what its end names, if the beginning has no id.

    The fields of the frame itself count before those of objects inside it.
    """
    own: dict[str, str] = {}
    inner: dict[str, str] = {}
    depth = read = 0
    for match in islice(_FIELD.finditer(text, 0, _MAX_SEARCHED), _MAX_FIELDS):
        outside = _STRING.sub("", text[read : match.start()])
        depth += sum(map(outside.count, "{[")) - sum(map(outside.count, "}]"))
        read = match.end()
        if _is_value(match):
            (own if depth == 1 else inner).setdefault(match[1], match[2])
    fields = inner | own
    if len(text) > _MAX_SEARCHED and not any(name in fields for name in _ID_FIELDS):
        for match in _FIELD.finditer(text, len(text) - _MAX_SEARCHED):
            if _is_value(match):
                fields[match[1]] = match[2]
    return _named(fields)


def _is_value(match: re.Match[str]) -> bool:
    return (_frame_type if match[1] == "type" else _uuid)(match[2]) is not None


def _named(fields: Mapping[str, Any]) -> FrameSubject:
    return FrameSubject(_frame_type(fields.get("type")), *(_uuid(fields.get(name)) for name in _ID_FIELDS))


def _frame_type(value: object) -> WsFrameType | None:
    return WsFrameType(value) if isinstance(value, str) and value in _FRAME_TYPES else None


def _uuid(value: object) -> UUID | None:
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _explain(error: ValidationError) -> tuple[ErrorCode, str]:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    match first["type"]:
        case "union_tag_invalid":
            return ErrorCode.UNKNOWN_TYPE, "This frame type is not one a client may send."
        case "union_tag_not_found":
            return ErrorCode.INVALID_FRAME, "A frame is a JSON object with a `type`."
        case "json_invalid":
            return ErrorCode.INVALID_FRAME, "A frame is one JSON object; this text is not JSON."
    # The location begins with the frame's type, which is the union's tag.
    place = ".".join(str(part) for part in first["loc"])
    return ErrorCode.INVALID_FRAME, f"{place or 'frame'}: {first['msg'].removeprefix('Value error, ')}"
