"""An incremental parser of one HTTP/1.1 response, with httptools (llhttp). Sans-IO."""

from __future__ import annotations

from typing import Final

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

# For everything but the body: head, interim responses, framing of chunks, trailers. The same limit as in h11.
MAX_OVERHEAD_BYTES: Final = 100 * 1024
_SWITCHING_PROTOCOLS: Final = 101
_FIRST_FINAL_STATUS: Final = 200
_VERSIONS: Final = frozenset({"1.0", "1.1"})


class MalformedResponse(Exception):
    """The peer sent something that is not a response, too large a head, or a body shorter than announced."""


class ResponseParser:
    """Bytes in, body out; the head is complete when `headed` is true. Interim responses (1xx) are dropped.

    With `bodiless` the response ends with its head, whatever its headers say, as for HEAD and CONNECT.
    """

    def __init__(self, *, bodiless: bool = False) -> None:
        self.headed = False
        self.complete = False
        self.keep_alive = False
        """Once complete: whether the connection may be used for another request."""
        self.status = 0
        self.reason = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.http_version = b"HTTP/1.1"
        self._bodiless = bodiless
        self._overhead = 0
        self._fault: str | None = None
        self._body: list[bytes] = []
        # httptools looks up the callbacks once; the list's own method is the cheapest callback.
        self.on_body = self._body.append
        self._parser = HttpResponseParser(self)

    def __repr__(self) -> str:
        state = "complete" if self.complete else "body" if self.headed else "head"
        return f"<ResponseParser {state} status={self.status}>"

    def feed(self, data: bytes) -> bytes:
        """The part of the body in `data`, which must not be empty. Raises `MalformedResponse`."""
        headed = self.headed
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            # Bytes after a complete response do not belong to it; the connection is unusable.
            if not self.complete:
                raise MalformedResponse(self._fault or str(error) or "invalid HTTP") from None
            self.keep_alive = False
        body = self._body
        if not body:
            self._overhead = 0 if self.headed and not headed else self._overhead + len(data)
            if self._overhead > MAX_OVERHEAD_BYTES and not self.complete:
                raise MalformedResponse("too much that is no body")
            return b""
        self._overhead = 0
        whole = body[0] if len(body) == 1 else b"".join(body)
        body.clear()
        return b"" if self._bodiless else whole

    def feed_eof(self) -> None:
        """The stream ended. Raises `MalformedResponse` if the response is not complete."""
        if self.complete:
            return
        if not self.headed:
            raise MalformedResponse("the server closed the connection without a response")
        if self._has_length():
            raise MalformedResponse("the server closed the connection in the middle of the body")
        self.complete = True

    def _has_length(self) -> bool:
        """Whether the head determines the body's end; otherwise the body ends with the connection."""
        for name, value in self.headers:
            name = name.lower()
            if name == b"content-length":
                return True
            if name == b"transfer-encoding":
                return value.lower().split(b",")[-1].strip() == b"chunked"
        return False

    # ---- called by httptools ----------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self.complete:
            raise MalformedResponse("a second response")
        self.reason = b""
        self.headers = []

    def on_status(self, reason: bytes) -> None:
        self.reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.headed:  # otherwise it is a trailer
            self.headers.append((name, value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        version = self._parser.get_http_version()
        if version not in _VERSIONS:
            self._fault = "not HTTP/1.0 or HTTP/1.1"
        elif self.status == _SWITCHING_PROTOCOLS:
            self._fault = "a change of protocol that was not asked for"
        if self._fault is not None:
            raise MalformedResponse(self._fault)
        if self.status < _FIRST_FINAL_STATUS:
            return
        self.http_version = b"HTTP/" + version.encode()
        self.headed = True
        if self._bodiless:
            self.complete = True

    def on_message_complete(self) -> None:
        if self.headed and not self.complete:
            self.complete = True
            self.keep_alive = self._parser.should_keep_alive()
