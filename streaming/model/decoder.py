"""The body of one model response, bytes to deltas: framing, size limits and dialect, sans-IO."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Final

import msgspec

from streaming.chat import Delta, ErrorDelta
from streaming.dialects import PayloadDecoder, ServerSentEvent, SseDecoder

_BLANK_LINE: Final = b"\n\n"
_BOM: Final = b"\xef\xbb\xbf"
_MAX_BEGUN: Final = 512
_OTHER_EVENTS: Final = 3
# The first line of an event stream, which may be cut.
_FIELD: Final = re.compile(
    rb"(?::|(?:data|event|id|retry|error)(?:[:\r\n]|\Z)"
    rb"|(?:d(?:at?)?|e(?:v(?:en?)?|r(?:ro?)?)?|i|r(?:e(?:tr?)?)?)?\Z)"
)
_RETRYABLE: Final = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS)
_STATUS: Final = re.compile(r"\b[45][0-9]{2}\b")
_TRUNCATED: Final = "Input data was truncated"  # what msgspec says of a prefix of a JSON document


class ResponseDecoder:
    """Decodes a body as it arrives. Input from the peer never raises an exception: faults are `ErrorDelta`s.

    The first byte says what the body is, because content types are often wrong: a JSON document, from a server that
    ignored `stream` or reports an error, a web page, or else an event stream. A body of more than `max_bytes` ends in
    `ErrorDelta` code `too_large`, and so does an event of more than `max_event_bytes`.
    """

    def __init__(self, payloads: PayloadDecoder, *, max_bytes: int, max_event_bytes: int) -> None:
        self._payloads = payloads
        self._feed_text_events = payloads.feed_text_events
        # None until the first byte, and for a body that is one document.
        self._sse: SseDecoder | None = None
        self._is_document = False
        self._document = bytearray()
        self._left = max_bytes
        self._max_event_bytes = max_event_bytes
        self._failed = False
        self._begun = bytearray()  # of an event stream, until its first event
        self._has_events = False
        # Whether the next byte begins an event.
        self._between_events = False

    @property
    def finished(self) -> bool:
        """Whether the model has stopped; only its usage may still follow."""
        return self._payloads.finished

    @property
    def late_error(self) -> ErrorDelta | None:
        """An error that came after the model had stopped."""
        return self._payloads.late_error

    @property
    def complete(self) -> bool:
        """Whether nothing more follows."""
        return self._failed or self._payloads.complete

    def feed(self, chunk: bytes) -> list[Delta]:
        """The deltas that `chunk` completes, in order. Adjacent texts may come as one."""
        if self._failed:
            return []
        size, sse = len(chunk), self._sse
        self._left -= size
        if self._left < 0:
            return self._too_large()
        if sse is None:
            return self._begin(chunk)
        # Most reads are whole events.
        if self._between_events and chunk[-2:] == _BLANK_LINE and size <= self._max_event_bytes:
            text = self._feed_text_events(chunk)
            return self._read_halves(sse, chunk) if text is None else text
        return self._read(sse, chunk)

    def close(self) -> list[Delta]:
        """The last deltas, after the body ended, including those of an event without its blank line."""
        if self._failed:
            return []
        if self._sse is None:
            document = ServerSentEvent(self._document.decode("utf-8-sig", "replace"))
            deltas = self._payloads.feed(document, cut=_is_truncated(document.data))
        else:
            last = self._sse.close()
            if last is None and not self._has_events and not _FIELD.match(self._begun.replace(_BOM, b"").lstrip()):
                self._failed = True
                return [_plain_text_error(self._begun.decode("utf-8", "replace"))]
            deltas = [] if last is None else self._payloads.feed(last, cut=True)
        return deltas + self._payloads.close()

    def _begin(self, chunk: bytes) -> list[Delta]:
        """Read bytes of a body that is not an event stream, or whose first byte has not come yet."""
        self._document += chunk
        if self._is_document:
            return []
        begun = bytes(self._document)
        first = begun.removeprefix(_BOM).lstrip()[:1]
        if first == b"<":
            self._failed = True
            return [ErrorDelta("The provider sent a web page instead of an answer.", "web_page", retryable=True)]
        self._is_document = first in (b"{", b"[")
        if self._is_document or not first or _BOM.startswith(begun):
            return []
        self._document.clear()
        self._sse = SseDecoder(max_event_bytes=self._max_event_bytes)
        return self._read(self._sse, begun)

    def _read(self, sse: SseDecoder, chunk: bytes) -> list[Delta]:
        """Read bytes of an event stream."""
        if len(chunk) > self._max_event_bytes:
            return self._feed(sse, chunk)
        deltas: list[Delta] = []
        begin = 0
        if not self._between_events:
            begin = chunk.find(_BLANK_LINE) + len(_BLANK_LINE)
            if begin < len(_BLANK_LINE):
                return self._feed(sse, chunk)
            deltas += self._feed(sse, chunk[:begin])
        # The piece of an event at the end of the chunk is left to the general decoder.
        end = chunk.rfind(_BLANK_LINE) + len(_BLANK_LINE)
        if self._between_events and begin < end:
            deltas += self._read_events(sse, chunk[begin:end])
            begin = end
        if begin < len(chunk):
            deltas += self._feed(sse, chunk[begin:])
        return deltas

    def _read_events(self, sse: SseDecoder, events: bytes) -> list[Delta]:
        """Read whole events. Events that are one piece of text each are decoded together; others end such a run."""
        text = self._feed_text_events(events)
        return self._read_halves(sse, events) if text is None else text

    def _read_halves(self, sse: SseDecoder, events: bytes) -> list[Delta]:
        """Read whole events of which not all are pieces of text."""
        # Usually these are the last ones: the reason for the end, the usage and `[DONE]`.
        last = _last_events(events)
        if last == 0:
            return self._read_one_by_one(sse, events)
        if (text := self._feed_text_events(events[:last])) is not None:
            return text + self._read_one_by_one(sse, events[last:])
        # Halving finds the other events in few steps.
        boundary = events.find(_BLANK_LINE, len(events) // 2)
        if boundary + len(_BLANK_LINE) == len(events):
            boundary = events.rfind(_BLANK_LINE, 0, boundary)
        if boundary < 0 or self.complete:
            return self._feed(sse, events)
        boundary += len(_BLANK_LINE)
        return self._read_events(sse, events[:boundary]) + self._read_events(sse, events[boundary:])

    def _read_one_by_one(self, sse: SseDecoder, events: bytes) -> list[Delta]:
        """Read a few whole events."""
        deltas: list[Delta] = []
        at = 0
        while at < len(events):
            end = events.find(_BLANK_LINE, at)
            end = len(events) if end < 0 else end + len(_BLANK_LINE)
            event = events[at:end]
            text = self._feed_text_events(event)
            deltas += self._feed(sse, event) if text is None else text
            at = end
        return deltas

    def _feed(self, sse: SseDecoder, chunk: bytes) -> list[Delta]:
        if self._failed:
            return []
        deltas: list[Delta] = []
        if not self._has_events and len(self._begun) < _MAX_BEGUN:
            self._begun += chunk[:_MAX_BEGUN]
        for event in sse.feed(chunk):
            self._has_events = True
            deltas += self._payloads.feed(event)
        self._between_events = sse.between_events
        if sse.error is not None:
            deltas += self._too_large()
        return deltas

    def _too_large(self) -> list[Delta]:
        if self._failed or self.finished:
            self._failed = True
            return []  # the answer is complete, and only its usage is lost
        self._failed = True
        # Text that was held back, because it may have been the beginning of reasoning, belongs to the answer.
        held = [delta for delta in self._payloads.close() if not isinstance(delta, ErrorDelta)]
        return [*held, ErrorDelta("The answer is larger than the server accepts.", "too_large")]


def _last_events(events: bytes) -> int:
    """Where the last three events begin; 0 if nothing is before them."""
    end = len(events) - len(_BLANK_LINE)
    for _ in range(_OTHER_EVENTS):
        end = events.rfind(_BLANK_LINE, 0, end)
        if end < 0:
            return 0
    return end + len(_BLANK_LINE)


def _plain_text_error(body: str) -> ErrorDelta:
    """The error of a body that is neither an event stream nor JSON, such as a gateway's `502 Bad Gateway`.

    The code is the HTTP status that the text names, in words, or `plain_text`.
    """
    message = "The provider sent plain text instead of an answer."
    text = body.casefold()
    numbers = {int(number) for number in _STATUS.findall(body)}
    for status in HTTPStatus:
        if status >= HTTPStatus.BAD_REQUEST and (status.phrase.casefold() in text or status in numbers):
            again = status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _RETRYABLE
            return ErrorDelta(message, status.name.lower(), retryable=again)
    return ErrorDelta(message, "plain_text", retryable=True)


def _is_truncated(document: str) -> bool:
    """Whether `document` is the beginning of a JSON document, or empty."""
    try:
        msgspec.json.decode(document.encode("utf-8", "replace"))
    except msgspec.DecodeError as error:
        return str(error) == _TRUNCATED
    except RecursionError:
        return False
    return False
