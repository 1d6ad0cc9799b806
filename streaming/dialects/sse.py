"""An incremental decoder of server-sent events: the WHATWG algorithm, sans-IO.

https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation

Three deviations, made for model servers:
- `SseDecoder.close` returns an event whose blank line is missing at the end of the stream. WHATWG discards it.
- `ServerSentEvent.error` keeps an `error:` line. WHATWG ignores it as an unknown field.
- `retry:` lines are ignored: a stream is never reconnected.
"""

from __future__ import annotations

from dataclasses import dataclass

_BOM = b"\xef\xbb\xbf"
_CR, _LF = 0x0D, 0x0A


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """One dispatched event. `data` joins the event's `data` lines by line feeds; `id` is the last event id so far.

    `error` is the value of a non-standard `error:` line. An event without one has at least one `data` line.
    """

    data: str = ""
    event: str = "message"
    id: str = ""
    error: str | None = None


class SseEventTooLargeError(Exception):
    """One event, or one line, is larger than the decoder allows."""

    def __init__(self, max_event_bytes: int) -> None:
        super().__init__(f"a server-sent event is larger than {max_event_bytes} bytes")


class SseDecoder:
    """Bytes in, events out. Bytes may be cut anywhere; an event is returned as soon as its blank line was fed.

    Input from the peer never raises an exception. The only fault is an event of more than `max_event_bytes`: it is
    recorded in `error`. The events before it are still returned; everything after it is ignored.
    """

    def __init__(self, *, max_event_bytes: int = 1 << 20) -> None:
        self.error: SseEventTooLargeError | None = None
        self._max = max_event_bytes
        self._line = bytearray()
        self._after_cr = False
        self._at_start = True
        self._data: list[str] = []
        self._size = 0
        self._event = ""
        self._id = ""
        self._last_id = ""
        self._error_field: str | None = None

    @property
    def between_events(self) -> bool:
        """Whether the next byte begins an event, with no unfinished event or line before it."""
        return not (
            self._line
            or self._data
            or self._size
            or self._event
            or self._after_cr
            or self._at_start
            or self._error_field is not None
            or self.error is not None
        )

    def feed(self, chunk: bytes) -> list[ServerSentEvent]:
        """The events that `chunk` completes, in order."""
        if not chunk or self.error is not None:
            return []
        if self._after_cr and chunk[0] == _LF:
            chunk = chunk[1:]
        # A CR ends its line immediately. If a chunk ends between CR and LF, the LF is dropped when it comes.
        self._after_cr = chunk[-1] == _CR if chunk else False
        events: list[ServerSentEvent] = []
        # bytes.splitlines splits at CR, LF and CRLF only, as the grammar requires.
        for line in chunk.splitlines(keepends=True):
            if line[-1] not in (_LF, _CR):
                self._line += line
                self._check_size(len(self._line))
                break
            line = line.rstrip(b"\r\n")
            if self._line:
                line = bytes(self._line) + line
                self._line.clear()
            if not self._check_size(len(line)):
                break
            self._take_line(line, events)
        return events

    def close(self) -> ServerSentEvent | None:
        """The event that the end of the stream left unfinished, as if a blank line had followed; None if there is none.

        WHATWG discards this event. It may be cut inside its last line.
        """
        if self.error is not None:
            return None
        events: list[ServerSentEvent] = []
        if self._line:
            line = bytes(self._line)
            self._line.clear()
            self._take_line(line, events)
        self._dispatch(events)
        return events[0] if events else None

    def _check_size(self, line_bytes: int) -> bool:
        if self._size + line_bytes <= self._max:
            return True
        self.error = SseEventTooLargeError(self._max)
        self._line.clear()
        self._data.clear()
        return False

    def _take_line(self, line: bytes, events: list[ServerSentEvent]) -> None:
        if self._at_start:
            self._at_start = False
            line = line.removeprefix(_BOM)
        if not line:
            self._dispatch(events)
            return
        name, _, raw = line.partition(b":")
        if raw.startswith(b" "):
            raw = raw[1:]
        # A line end never falls inside a UTF-8 sequence, so decoding by line equals decoding the stream.
        if name == b"data":
            self._data.append(raw.decode("utf-8", "replace"))
            self._size += len(line) + 1
        else:
            self._take_rare_field(name, raw)

    def _take_rare_field(self, name: bytes, raw: bytes) -> None:
        match name:
            case b"event":
                self._event = raw.decode("utf-8", "replace")
            case b"id" if b"\0" not in raw:
                self._id = raw.decode("utf-8", "replace")
            case b"error":
                self._error_field = raw.decode("utf-8", "replace")

    def _dispatch(self, events: list[ServerSentEvent]) -> None:
        self._last_id = self._id
        if self._data or self._error_field is not None:
            events.append(
                ServerSentEvent("\n".join(self._data), self._event or "message", self._last_id, self._error_field)
            )
            self._data.clear()
        self._size = 0
        self._event = ""
        self._error_field = None
