"""A request's head as bytes, and the framing of its body. Sans-IO. No value from the caller can add a header line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

# https://www.rfc-editor.org/rfc/rfc9110#name-tokens
_TOKEN: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE: Final = re.compile(rb"(?:[\x21-\xff](?:[\x21-\x7e\x80-\xff \t]*[\x21-\x7e\x80-\xff])?)?")
_TARGET: Final = re.compile(rb"[\x21-\x7e]+")

Headers = Sequence[tuple[bytes, bytes]]


class UnsendableRequest(Exception):
    """The request can't be written as HTTP/1.1. The message contains no part of the request."""


def request_head(method: bytes, target: bytes, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The request line and the headers, with their blank line. Raises `UnsendableRequest`."""
    if not _TOKEN.fullmatch(method):
        raise UnsendableRequest("the method is no token")
    if not _TARGET.fullmatch(target):
        raise UnsendableRequest("the target has characters that none may have")
    lines = [b"%b %b HTTP/1.1\r\n" % (method, target)]
    for name, value in headers:
        if not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value.strip(b" \t")):
            raise UnsendableRequest("a header has characters that none may have")
        lines.append(b"%b: %b\r\n" % (name, value.strip(b" \t")))
    lines.append(b"\r\n")
    return b"".join(lines)


class BodyFraming:
    """How the body of a request with `headers` is sent: in chunks, with a length, or not at all."""

    def __init__(self, headers: Headers) -> None:
        self._chunked = False
        self._left = 0
        for name, value in headers:
            match name.lower():
                case b"transfer-encoding":
                    self._chunked = value.lower().strip() == b"chunked"
                    if not self._chunked:
                        raise UnsendableRequest("the only transfer coding is chunked")
                case b"content-length":
                    if not value.isdigit():
                        raise UnsendableRequest("the Content-Length is not a number")
                    self._left = int(value)

    def piece(self, data: bytes) -> bytes:
        """The bytes to send for `data`. Raises `UnsendableRequest` if the body is longer than its Content-Length."""
        if self._chunked:
            return b"%x\r\n%b\r\n" % (len(data), data) if data else b""
        self._left -= len(data)
        if self._left < 0:
            raise UnsendableRequest("the body is longer than its content length")
        return data

    def end(self) -> bytes:
        """The bytes after the last piece. Raises `UnsendableRequest` if the body is shorter than its Content-Length."""
        if self._chunked:
            return b"0\r\n\r\n"
        if self._left:
            raise UnsendableRequest("the body is shorter than its content length")
        return b""


def asks_to_close(headers: Headers) -> bool:
    """Whether the request asks to close the connection after this exchange."""
    return any(
        name.lower() == b"connection" and b"close" in [part.strip() for part in value.lower().split(b",")]
        for name, value in headers
    )
