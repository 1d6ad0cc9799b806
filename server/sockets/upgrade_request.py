"""Reads the usual opening request of a WebSocket (RFC 6455, 4.2.1). For any other request the library decides.

The library's parser takes a tenth of the processor time of a whole handshake. Clients send one form of request, so this
reader knows only that form: it must be simple, and must accept nothing that the library would refuse.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from wsproto.utilities import generate_accept_token

_END: Final = b"\r\n\r\n"
_REQUEST_LINE: Final = re.compile(rb"GET ([!-~]+) HTTP/1\.1")
_HEADER: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*((?:[!-~](?:[ \t!-~]*[!-~])?)?)[ \t]*")
# Without names in Punycode, which the library decodes.
_HOST: Final = re.compile(rb"(?!.*xn--)[a-z0-9_:\[\]-]{1,60}(?:\.[a-z0-9_:\[\]-]{1,60})*", re.IGNORECASE)
_KEY: Final = re.compile(rb"[A-Za-z0-9+/]{22}==")
_VERSION: Final = b"13"
# They would announce a body, or ask for something before the answer.
_UNUSUAL: Final = frozenset({b"content-length", b"transfer-encoding", b"expect", b"te", b"trailer"})

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class UpgradeRequest:
    """A valid opening request. `headers` have names in lower case. `rest`: bytes after the request."""

    path: str
    headers: Headers
    key: bytes
    rest: bytes

    @property
    def answer(self) -> bytes:
        """The response that accepts the request, without extensions and without a subprotocol."""
        return (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: %b\r\n\r\n" % generate_accept_token(self.key)
        )


def read_upgrade_request(data: bytes) -> UpgradeRequest | None:
    """The opening request at the beginning of `data`; None if it is not of the usual form, valid or not."""
    head, end, rest = data.partition(_END)
    first, *lines = head.split(b"\r\n")
    request = _REQUEST_LINE.fullmatch(first)
    if not end or request is None:
        return None
    headers: Headers = []
    values: dict[bytes, bytes] = {}
    for line in lines:
        found = _HEADER.fullmatch(line)
        if found is None:
            return None
        name = found[1].lower()
        if name in values or name in _UNUSUAL:
            return None
        values[name] = found[2]
        headers.append((name, found[2]))
    key = values.get(b"sec-websocket-key", b"")
    if (
        values.get(b"upgrade", b"").lower() != b"websocket"
        or b"upgrade" not in [token.strip() for token in values.get(b"connection", b"").lower().split(b",")]
        or values.get(b"sec-websocket-version") != _VERSION
        or _KEY.fullmatch(key) is None
        or _HOST.fullmatch(values.get(b"host", b"")) is None
    ):
        return None
    return UpgradeRequest(request[1].decode("ascii"), headers, key, rest)
