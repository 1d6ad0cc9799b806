"""The validation of inbound frames, and the error that a client gets for an invalid one."""

from __future__ import annotations

from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError

from parser import well_formed_json
from streaming.wire.client import CLIENT_FRAME, ClientFrame
from streaming.wire.codes import ErrorCode


class FrameError(Exception):
    """An invalid inbound frame. Code, message and `request_id` are sent to the client in an `error` frame.

    `request_id` is the frame's, if it could be read: it tells the client which request was refused.
    """

    def __init__(self, code: ErrorCode, message: str, request_id: UUID | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.request_id = request_id


class _Correlation(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    request_id: UUID | None = None


def decode_client_frame(text: str) -> ClientFrame:
    """Validate one inbound frame. Raises `FrameError` with a sentence that names the field, never the value.

    Unpaired surrogates become U+FFFD: a device that cuts a title inside an emoji must not lose the whole frame.
    """
    text = well_formed_json(text)
    try:
        return CLIENT_FRAME.validate_json(text)
    except ValidationError as error:
        code, message = _explain(error)
    try:
        request_id = _Correlation.model_validate_json(text).request_id
    except ValidationError:
        request_id = None
    raise FrameError(code, message, request_id)


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
    return ErrorCode.INVALID_FRAME, f"{place or 'frame'}: {first['msg']}"
