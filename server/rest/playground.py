"""The playground: a page that acts as a device, built from `client/playground` and served at `/`.

Its files are read once, when the server starts. Requests never cause reads from disk.
"""

from __future__ import annotations

import gzip
import hashlib
import html
import json
import mimetypes
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from quart import Blueprint, Response, request

from server.net import WILDCARDS, is_loopback
from server.rest.errors import ApiError

_INDEX: Final = "index.html"
_MEDIA_TYPES: Final[Mapping[str, str]] = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
# The host of a URL; the group is the name without the port.
_HOST: Final = re.compile(r"([A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
# Files that the build generates have a hash of their content at the end of the name; copied files (the icon) do not.
_HASHED: Final = re.compile(r"-[A-Za-z0-9_-]{8}\.[a-z0-9]+$")
_FOREVER: Final = "public, max-age=31536000, immutable"
_ASKED_AGAIN: Final = "no-cache"
_COMPRESSED: Final = frozenset({".css", ".html", ".js", ".svg"})
_GZIP_LEVEL: Final = 9
# The page differs by the address of the device socket and by whether it offers guest accounts.
_MOST_PAGES: Final = 8
# The page's first screen, which needs no other file: a style sheet and a script. Scripts with a type are data.
_INLINE_STYLE: Final = re.compile(rb"<style>(.*?)</style>", re.DOTALL)
_INLINE_SCRIPT: Final = re.compile(rb"<script(?: data-[a-z]+=\"[^\"]*\")*>(.*?)</script>", re.DOTALL)
# Filled with the content of `/playground.json`, which saves the page one round trip.
_EMPTY_PLACE: Final = b'<meta name="tessera-place" content="">'
_NOT_BUILT: Final = b"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Tessera</title>
<h1>Tessera is running</h1>
<p>The playground is not built. It needs Node.js 20.19 or later with npm: install them, run
<code>make playground</code>, and restart the server. It reads the page only when it starts.</p>
<p>Without it, <code>make chat</code> opens a device in a terminal.</p>
</html>
"""


@dataclass(frozen=True, slots=True)
class PageFile:
    """One file of the page, in the forms that are sent. `compressed` (gzip) is None if it would not be smaller."""

    content: bytes
    media_type: str
    compressed: bytes | None = None


@dataclass(frozen=True, slots=True)
class InlineHashes:
    """CSP sources of the scripts and style sheets in the page itself, such as `'sha256-...'`, separated by spaces."""

    scripts: str = ""
    styles: str = ""


@dataclass(frozen=True, slots=True)
class Playground:
    """The page's files by path below `/`, empty if it is not built, and the bound address of the device socket."""

    files: Mapping[str, PageFile]
    ws_host: str
    ws_port: int
    ws_path: str
    secure: bool = False
    public_url: str | None = None
    """Of the proxy in front of both listeners."""
    guests: bool = False
    """The page may create an account without asking. Only for a server that this machine alone reaches."""

    def ws_origin(self, page_host: str | None) -> str:
        """The origin of the device socket, for a page loaded from `page_host` (the `Host` header)."""
        if self.public_url is not None:
            return f"ws{self.public_url.removeprefix('http')}"
        host = f"[{self.ws_host}]" if ":" in self.ws_host else self.ws_host
        if self.ws_host in WILDCARDS:
            # Bound to all addresses: use the one that the page was loaded from. An invalid host name is not repeated.
            match = _HOST.fullmatch(page_host or "")
            host = match[1] if match else "127.0.0.1"
        return f"ws{'s' if self.secure else ''}://{host}:{self.ws_port}"


def read_page(folder: Path) -> dict[str, PageFile]:
    """The files below `folder` by relative path; empty if the page is not built."""
    if not (folder / _INDEX).is_file():
        return {}
    return {
        path.relative_to(folder).as_posix(): _read(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


def _read(path: Path) -> PageFile:
    content = path.read_bytes()
    if path.suffix not in _COMPRESSED:
        return PageFile(content, _media_type(path))
    return _compressed(content, _media_type(path))


def _compressed(content: bytes, media_type: str) -> PageFile:
    # Without a time, so that every server of a cluster has the same bytes.
    compressed = gzip.compress(content, _GZIP_LEVEL, mtime=0)
    return PageFile(content, media_type, compressed if len(compressed) < len(content) else None)


def inline_hashes(page: bytes) -> InlineHashes:
    """The hashes by which a policy allows exactly the scripts and style sheets that `page` has in itself."""

    def sources(pattern: re.Pattern[bytes]) -> str:
        digests = (hashlib.sha256(match[1]).digest() for match in pattern.finditer(page))
        return " ".join(f"'sha256-{b64encode(digest).decode()}'" for digest in digests)

    return InlineHashes(sources(_INLINE_SCRIPT), sources(_INLINE_STYLE))


def content_security_policy(ws_origin: str, hashes: InlineHashes) -> str:
    """A policy that only lets the page load its own files, call its own server and open the device socket.

    `hashes` allow the page's own inline parts, and no others.
    """
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' {hashes.scripts}".rstrip(),
            f"style-src 'self' {hashes.styles}".rstrip(),
            "img-src 'self' data:",
            "font-src 'self'",
            f"connect-src 'self' {ws_origin}",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


def playground_routes(playground: Playground) -> Blueprint:
    """The page at `/`, its files, and `/playground.json`: the address of the device socket, as the page has it, too."""
    routes = Blueprint("playground", __name__)
    page = playground.files.get(_INDEX, PageFile(_NOT_BUILT, _MEDIA_TYPES[".html"]))
    hashes = inline_hashes(page.content)

    @lru_cache(_MOST_PAGES)
    def filled(place: str) -> PageFile:
        """The page with `place` in it."""
        value = b'"%b"' % html.escape(place).encode()
        return _compressed(page.content.replace(_EMPTY_PLACE, _EMPTY_PLACE.replace(b'""', value), 1), page.media_type)

    def answer(file: PageFile, caching: str) -> Response:
        policy = content_security_policy(playground.ws_origin(request.headers.get("Host")), hashes)
        headers = {
            "Cache-Control": caching,
            "Content-Security-Policy": policy,
            "Cross-Origin-Opener-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
        }
        content = file.content
        if file.compressed is not None:
            headers["Vary"] = "Accept-Encoding"
            if request.accept_encodings["gzip"] > 0:
                content = file.compressed
                headers["Content-Encoding"] = "gzip"
        return Response(content, 200, headers, content_type=file.media_type)

    @routes.get("/")
    async def index() -> Response:
        return answer(filled(place()), _ASKED_AGAIN)

    @routes.get("/assets/<path:name>")
    async def asset(name: str) -> Response:
        file = playground.files.get(f"assets/{name}")
        if file is None:
            raise ApiError(404, "not_found", "The playground has no file with this name.")
        return answer(file, _FOREVER if _HASHED.search(name) else _ASKED_AGAIN)

    def place() -> str:
        """What the page must know about the server, as JSON."""
        ws_url = playground.ws_origin(request.headers.get("Host")) + playground.ws_path
        # `guests` only for a page that this machine has loaded from its own address: not through a proxy or a tunnel.
        guests = playground.guests and _is_loopback(request.headers.get("Host"))
        return json.dumps({"ws_url": ws_url} | ({"guests": True} if guests else {}))

    @routes.get("/playground.json")
    async def place_alone() -> Response:
        return answer(PageFile(place().encode(), "application/json"), "no-store")

    return routes


def _is_loopback(host: str | None) -> bool:
    match = _HOST.fullmatch(host or "")
    return match is not None and is_loopback(match[1].strip("[]").lower())


def _media_type(path: Path) -> str:
    # The system's table of media types differs between machines; a wrong type of these would break the page.
    return _MEDIA_TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
