"""The playground on the REST listener: its files, its security policy, and the address of the device socket."""

from __future__ import annotations

import hashlib
import html
import json
import re
from base64 import b64encode
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from server.rest.playground import InlineHashes, Playground, content_security_policy, inline_hashes, read_page
from server.rest.services import RestServices
from tests.server.rest.rest_server import client_of, listening, make_services, raw_exchange
from tests.server.tessera import open_tessera


def services(folder: Path, ws_host: str = "127.0.0.1") -> RestServices:
    return replace(make_services(), playground=Playground(read_page(folder), ws_host, 8765, "/api/v1/ws/device"))


@pytest.fixture
def built(tmp_path: Path) -> Path:
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>page</title>")
    (folder / "assets" / "index-3f2a_-9Z.js").write_text("export {}")
    (folder / "assets" / "index-3f2a_-9Z.css").write_text("body {}")
    (folder / "assets" / "tessera.svg").write_text("<svg/>")
    (folder / "assets" / ".hidden").write_text("not for the web")
    (tmp_path / "secret").write_text("not for the web either")
    return folder


async def test_the_page_and_its_assets(built: Path) -> None:
    async with client_of(services(built), user=None) as client:
        page = await client.get("/")
        script = await client.get("/assets/index-3f2a_-9Z.js")
        style = await client.get("/assets/index-3f2a_-9Z.css")
        icon = await client.get("/assets/tessera.svg")
    assert page.text == "<!doctype html><title>page</title>"
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert page.headers["Cache-Control"] == "no-cache"
    assert script.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert style.headers["Content-Type"] == "text/css; charset=utf-8"
    assert "immutable" in script.headers["Cache-Control"]
    assert icon.headers["Cache-Control"] == "no-cache"
    for response in (page, script, style, icon):
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert "connect-src 'self' ws://127.0.0.1:8765;" in response.headers["Content-Security-Policy"]


async def test_large_files_are_compressed_for_clients_that_accept_it(built: Path) -> None:
    (built / "assets" / "large-3f2a_-9Z.js").write_text("export const x = 1;\n" * 1000)
    async with client_of(services(built), user=None) as client:
        path = "/assets/large-3f2a_-9Z.js"
        compressed = await client.get(path, headers={"Accept-Encoding": "gzip, br"})
        plain = await client.get(path, headers={"Accept-Encoding": "identity"})
        refused = await client.get(path, headers={"Accept-Encoding": "gzip;q=0"})
        tiny = await client.get("/assets/index-3f2a_-9Z.js", headers={"Accept-Encoding": "gzip"})
    assert compressed.headers["Content-Encoding"] == "gzip"
    assert int(compressed.headers["Content-Length"]) < 300
    assert compressed.text == plain.text == refused.text
    for response in (compressed, plain, refused):
        assert response.headers["Vary"] == "Accept-Encoding"
        assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    for response in (plain, refused, tiny):
        assert "Content-Encoding" not in response.headers


@pytest.mark.parametrize(
    ("guests", "host", "offered"),
    [
        (True, "127.0.0.1:8000", True),
        (True, "localhost:8000", True),
        (True, "[::1]:8000", True),
        (True, "tessera.example", False),
        (True, "192.168.0.7:8000", False),
        (False, "127.0.0.1:8000", False),
    ],
)
async def test_only_a_page_on_this_machine_gets_a_guest_account(
    built: Path, guests: bool, host: str, offered: bool
) -> None:
    page = Playground(read_page(built), "127.0.0.1", 8765, "/api/v1/ws/device", guests=guests)
    async with client_of(replace(make_services(), playground=page), user=None) as client:
        place = await client.get("/playground.json", headers={"Host": host})
    assert place.json() == {"ws_url": "ws://127.0.0.1:8765/api/v1/ws/device"} | ({"guests": True} if offered else {})


def test_the_policy_allows_nothing_inline_and_no_framing() -> None:
    policy = content_security_policy("ws://127.0.0.1:8765", InlineHashes())
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


def test_the_policy_allows_exactly_the_inline_parts_of_the_page() -> None:
    page = b"""<script type="module" src="/assets/x.js"></script><style>b{}</style>
<script type="application/json">{"a": 1}</script><script data-device="/assets/y.js">run()</script>"""
    hashes = inline_hashes(page)

    def source(text: bytes) -> str:
        return f"'sha256-{b64encode(hashlib.sha256(text).digest()).decode()}'"

    assert hashes == InlineHashes(source(b"run()"), source(b"b{}"))
    policy = content_security_policy("ws://127.0.0.1:8765", hashes)
    assert f"; script-src 'self' {source(b'run()')}; style-src 'self' {source(b'b{}')}; " in policy
    assert "unsafe" not in policy


async def test_the_page_has_what_the_separate_request_would_return(built: Path) -> None:
    (built / "index.html").write_text('<head><meta name="tessera-place" content=""><script>a()</script></head>')
    page = Playground(read_page(built), "0.0.0.0", 8765, "/ws", guests=True)  # noqa: S104 - told, not bound
    async with client_of(replace(make_services(), playground=page), user=None) as client:
        for host in ("localhost:8000", "studio.local", '"><script>', "localhost:8000"):
            first = await client.get("/", headers={"Host": host})
            place = await client.get("/playground.json", headers={"Host": host})
            (content,) = re.findall(r'content="([^"]*)"', first.text)
            assert json.loads(html.unescape(content)) == place.json()
            assert first.headers["Content-Security-Policy"] == place.headers["Content-Security-Policy"]
            assert "script-src 'self' 'sha256-" in first.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "path",
    [
        "/assets/nothing.js",
        "/assets/.hidden",
        "/assets/../../secret",
        "/assets/%2e%2e/%2e%2e/secret",
        "/assets/..%2f..%2fsecret",
        "/assets//etc/passwd",
        "/index.html/",
        "/secret",
    ],
)
async def test_nothing_else_is_served(built: Path, path: str) -> None:
    async with listening(services(built)) as address:
        answer = await raw_exchange(address, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 404")
    assert b"not for the web" not in answer


async def test_a_page_that_is_not_built_explains_how_to_build_it(tmp_path: Path) -> None:
    async with client_of(services(tmp_path / "dist"), user=None) as client:
        page = await client.get("/")
        assert (await client.get("/assets/x.js")).status_code == 404
    assert page.status_code == 200
    assert "make playground" in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("bound", "page_host", "expected"),
    [
        ("127.0.0.1", "localhost:8000", "ws://127.0.0.1:8765"),
        ("::1", "localhost:8000", "ws://[::1]:8765"),
        ("0.0.0.0", "studio.local:8000", "ws://studio.local:8765"),  # noqa: S104 - an address to reason about
        ("0.0.0.0", "studio.local", "ws://studio.local:8765"),  # noqa: S104
        ("::", "[fe80::1]:8000", "ws://[fe80::1]:8765"),
        ("0.0.0.0", "x; script-src *", "ws://127.0.0.1:8765"),  # noqa: S104
        ("0.0.0.0", "", "ws://127.0.0.1:8765"),  # noqa: S104
        ("0.0.0.0", None, "ws://127.0.0.1:8765"),  # noqa: S104
    ],
)
def test_the_address_of_the_device_socket(bound: str, page_host: str | None, expected: str) -> None:
    assert Playground({}, bound, 8765, "/ws").ws_origin(page_host) == expected


async def test_the_page_gets_the_socket_address_that_its_policy_allows(built: Path) -> None:
    async with client_of(services(built, "0.0.0.0"), user=None) as client:  # noqa: S104 - told, not bound
        response = await client.get("/playground.json", headers={"Host": "studio.local:8000"})
    assert response.json() == {"ws_url": "ws://studio.local:8765/api/v1/ws/device"}
    assert "connect-src 'self' ws://studio.local:8765;" in response.headers["Content-Security-Policy"]
    assert response.headers["Cache-Control"] == "no-store"


async def test_the_whole_server_serves_it(database: str, built: Path) -> None:
    async with (
        open_tessera(database, playground_dir=built) as tessera,
        httpx.AsyncClient(base_url=tessera.rest_url, timeout=60) as client,
    ):
        assert tessera.running.playground == f"{tessera.rest_url}/"
        assert "<title>page</title>" in (await client.get("/")).text
        assert (await client.get("/playground.json")).json() == {"ws_url": tessera.ws_url, "guests": True}
    async with (
        open_tessera(database, playground_dir=built, registration="invite") as tessera,
        httpx.AsyncClient(base_url=tessera.rest_url, timeout=60) as client,
    ):
        assert "guests" not in (await client.get("/playground.json")).json()
    async with open_tessera(database, playground_dir=built / "nothing") as tessera:
        assert "make playground" in str(tessera.running.playground)
