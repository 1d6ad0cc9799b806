"""The body of one model response, bytes to deltas: framing, bounds and dialect in a row, sans-IO."""

from __future__ import annotations

from streaming.chat import Delta, ErrorDelta
from streaming.dialects.base import PayloadDecoder
from streaming.sse import ServerSentEvent, SseDecoder


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
        self._failed = False

    @property
    def finished(self) -> bool:
        """The model has stopped; only its usage may still follow."""
        return self._payloads.finished

    @property
    def complete(self) -> bool:
        """Nothing more follows."""
        return self._failed or self._payloads.complete

    def feed(self, chunk: bytes) -> list[Delta]:
        """The deltas that `chunk` completes, in order."""
        if self._failed:
            return []
        self._left -= len(chunk)
        if self._left < 0:
            return [self._too_large()]
        if self._sse is None:
            self._document += chunk
            return []
        deltas: list[Delta] = []
        for event in self._sse.feed(chunk):
            deltas += self._payloads.feed(event)
        if self._sse.error is not None:
            deltas.append(self._too_large())
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

    def _too_large(self) -> ErrorDelta:
        self._failed = True
        return ErrorDelta("The answer is larger than the server accepts.", "too_large")
