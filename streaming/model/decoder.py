"""The body of one model response, bytes to deltas: framing, bounds and dialect in a row, sans-IO."""

from __future__ import annotations

from typing import Final

from streaming.chat import ContentDelta, Delta, ErrorDelta
from streaming.dialects import Envelope, PayloadDecoder, ServerSentEvent, SseDecoder, learn

# Envelopes learnt in vain, one after another, until no more are: some providers number their events.
_PATIENCE: Final = 4
_BLANK_LINE: Final = "\n\n"


class ResponseDecoder:
    """Feed it the body as it comes. It never raises for what the peer sends: faults are `ErrorDelta`s.

    With `event_stream` false the body is one JSON document, as servers send it that ignore `stream`. A body of more
    than `max_bytes` ends in `ErrorDelta` code `too_large`, and so does an event of more than `max_event_bytes`.
    """

    def __init__(
        self, payloads: PayloadDecoder, *, event_stream: bool = True, max_bytes: int, max_event_bytes: int
    ) -> None:
        self._payloads = payloads
        self._sse = SseDecoder(max_event_bytes=max_event_bytes) if event_stream else None
        self._document = bytearray()
        self._left = max_bytes
        self._max_event_bytes = max_event_bytes
        self._failed = False
        self._envelope: Envelope | None = None
        self._patience = _PATIENCE
        # Whether the events so far are whole and the next byte begins another one.
        self._between_events = False

    @property
    def finished(self) -> bool:
        """The model has stopped; only its usage may still follow."""
        return self._payloads.finished

    @property
    def complete(self) -> bool:
        """Nothing more follows."""
        return self._failed or self._payloads.complete

    def feed(self, chunk: bytes) -> list[Delta]:
        """The deltas that `chunk` completes, in order. Texts that follow one another may come as one."""
        if self._failed:
            return []
        self._left -= len(chunk)
        if self._left < 0:
            return [self._too_large()]
        if self._sse is None:
            self._document += chunk
            return []
        deltas: list[Delta] = []
        if self._envelope is not None and len(chunk) <= self._max_event_bytes:
            if not self._between_events:
                cut = chunk.find(b"\n\n") + len(_BLANK_LINE)
                if cut >= len(_BLANK_LINE):
                    self._parse(self._sse, chunk[:cut], deltas)
                    chunk = chunk[cut:]
            if self._between_events:
                chunk = self._skim(self._envelope, chunk, deltas)
        if chunk:
            self._parse(self._sse, chunk, deltas)
        return deltas

    def close(self) -> list[Delta]:
        """The body ended: the last deltas, of an event without its blank line too."""
        if self._failed:
            return []
        if self._sse is None:
            last: ServerSentEvent | None = ServerSentEvent(self._document.decode("utf-8", "replace"))
        else:
            last = self._sse.close()
        deltas = [] if last is None else self._payloads.feed(last)
        return deltas + self._payloads.close()

    def _skim(self, envelope: Envelope, chunk: bytes, deltas: list[Delta]) -> bytes:
        """Take the events at the beginning of `chunk` that are text in the known envelope; the rest is returned."""
        try:
            events = chunk.decode()
        except UnicodeDecodeError:
            return chunk
        text, at = envelope.read(events, 0)
        if not text:
            return chunk
        self._patience = _PATIENCE
        if at < len(events):
            texts = [text]
            while True:
                text, at = envelope.read(events, at)
                if not text:
                    break
                texts.append(text)
            text = "".join(texts)
        deltas += self._payloads.feed_text(text)
        return events[at:].encode() if at < len(events) else b""

    def _parse(self, sse: SseDecoder, chunk: bytes, deltas: list[Delta]) -> None:
        began_between = self._between_events
        event = None
        given: list[Delta] = []
        events = sse.feed(chunk)
        for event in events:
            given = self._payloads.feed(event)
            deltas += given
        if sse.error is not None:
            deltas.append(self._too_large())
        self._between_events = sse.between_events
        if event is not None and self._between_events and self._patience and self._payloads.text_path is not None:
            match given:
                case [ContentDelta(text)] if began_between or len(events) > 1:
                    self._learn(chunk, event, text, alone=len(events) == 1)

    def _learn(self, chunk: bytes, event: ServerSentEvent, text: str, *, alone: bool) -> None:
        path = self._payloads.text_path
        try:
            source = chunk.decode()
        except UnicodeDecodeError:
            return
        if not alone:
            if not source.endswith(_BLANK_LINE):
                return
            source = source[source.rfind(_BLANK_LINE, 0, -len(_BLANK_LINE)) + len(_BLANK_LINE) :]
        if path is not None and (envelope := learn(source, event.data, text, path)) is not None:
            self._patience -= 1
            self._envelope = envelope

    def _too_large(self) -> ErrorDelta:
        self._failed = True
        return ErrorDelta("The answer is larger than the server accepts.", "too_large")
