"""Adds the sentence for the person to errors: `message` is for developers and in English, `text` is for the person."""

from __future__ import annotations

from person import Sentences
from streaming.wire.frames import WsFailure
from streaming.wire.server import ServerFrame, WsError, WsRequestResult, WsStreamEnd
from streaming.wire.stream_text import StreamText


def failure_with_text(failure: WsFailure, language: str | None) -> WsFailure:
    """The failure with its sentence in `language`, a BCP 47 tag, unless it has one or the language is not known."""
    if failure.text is not None or language is None:
        return failure
    return failure.model_copy(update={"text": Sentences.of(language).error(failure.code)})


def frame_with_text(frame: ServerFrame | StreamText, language: str | None) -> ServerFrame | StreamText:
    """The frame with the sentence of its error, if it has an error without one and the language is known."""
    if language is None:
        return frame
    match frame:
        case StreamText():
            return frame
        case WsError(text=None):
            return frame.model_copy(update={"text": Sentences.of(language).error(frame.code)})
        case WsStreamEnd() | WsRequestResult() if frame.error is not None:
            return frame.model_copy(update={"error": failure_with_text(frame.error, language)})
    return frame
