"""Allowed and refused origins, as a table and in the handshake of a real socket."""

from __future__ import annotations

import pytest
import structlog
import trio

from server.net.origins import AllowedOrigins, check_origin
from server.settings.environment import SettingsError, load_settings
from server.sockets.websocket import DEVICE_PATH
from tests.server.tessera import open_tessera


@pytest.mark.parametrize(
    "origin",
    [
        "https://app.example.com",
        "http://127.0.0.1:5173",
        "http://[::1]:8000",
        "app://tessera",
        "file://",
        " HTTPS://App.Example.Com ",
    ],
)
def test_valid_origins(origin: str) -> None:
    assert check_origin(origin) == origin.strip().lower()


@pytest.mark.parametrize(
    "value", ["", "null", "*", "example.com", "https://", "https://a.example/", "https://a/b", "https://u@a", "a:b"]
)
def test_invalid_origins(value: str) -> None:
    with pytest.raises(ValueError, match=r"origin"):
        check_origin(value)


def test_the_setting_is_a_list_and_names_its_mistakes() -> None:
    settings = load_settings({"TESSERA_ALLOWED_ORIGINS": "file://, https://app.example.com"})
    assert settings.allowed_origins == ["file://", "https://app.example.com"]
    with pytest.raises(SettingsError, match="TESSERA_ALLOWED_ORIGINS: each must be an origin"):
        load_settings({"TESSERA_ALLOWED_ORIGINS": "https://app.example.com/page"})


@pytest.mark.parametrize(
    ("page", "origin", "allowed"),
    [
        (("127.0.0.1", 8000), None, True),
        (("127.0.0.1", 8000), "http://127.0.0.1:8000", True),
        (("127.0.0.1", 8000), "http://localhost:8000", True),
        (("127.0.0.1", 8000), "HTTP://LOCALHOST:8000", True),
        (("::1", 8000), "http://[::1]:8000", True),
        (("0.0.0.0", 8000), "http://localhost:8000", True),  # noqa: S104 - an address to reason about
        (("0.0.0.0", 8000), "http://192.168.1.7:8000", False),  # noqa: S104
        (("192.168.1.7", 8000), "http://192.168.1.7:8000", True),
        (("192.168.1.7", 8000), "http://localhost:8000", False),
        (("fe80::1", 8000), "http://[fe80::1]:8000", True),
        (("127.0.0.1", 80), "http://127.0.0.1", True),
        (("127.0.0.1", 8000), "http://127.0.0.1:8001", False),
        (("127.0.0.1", 8000), "https://127.0.0.1:8000", False),
        (("127.0.0.1", 8000), "http://localhost:8000.evil.example", False),
        (("127.0.0.1", 8000), "https://listed.example", True),
        (("127.0.0.1", 8000), "https://other.example", False),
        (("127.0.0.1", 8000), "null", False),
        (("127.0.0.1", 8000), "", False),
        (None, "http://127.0.0.1:8000", False),
    ],
)
def test_who_may_open_a_socket(page: tuple[str, int] | None, origin: str | None, allowed: bool) -> None:
    origins = AllowedOrigins(["https://listed.example"])
    if page is not None:
        origins.admit_page(*page)
    assert origins.allows(origin) is allowed


@pytest.mark.parametrize(
    ("origin", "shared"),
    [("https://listed.example", True), ("http://127.0.0.1:8000", False), (None, False), ("null", False)],
)
def test_rest_answers_are_shared_with_listed_origins_only(origin: str | None, shared: bool) -> None:
    origins = AllowedOrigins(["https://listed.example"])
    origins.admit_page("127.0.0.1", 8000)
    assert origins.shares_with(origin) is shared


async def upgrade(ws_url: str, *origins: str) -> int:
    """The HTTP status of the opening handshake."""
    return int((await handshake(ws_url, *origins)).split()[1])


async def handshake(ws_url: str, *origins: str) -> bytes:
    """The whole response to the opening handshake; only its head if the socket is then open."""
    host, _, port = ws_url.removeprefix("ws://").partition("/")[0].rpartition(":")
    head = f"GET {DEVICE_PATH} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    head += "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    head += "".join(f"Origin: {origin}\r\n" for origin in origins)
    with trio.fail_after(60):
        async with await trio.open_tcp_stream(host, int(port)) as stream:
            await stream.send_all(f"{head}\r\n".encode())
            answer = bytearray()
            async for received in stream:
                answer += received
                if answer.startswith(b"HTTP/1.1 101 ") and b"\r\n\r\n" in answer:
                    break
            return bytes(answer)


async def test_the_handshake_refuses_pages_of_other_sites(database: str) -> None:
    async with open_tessera(database, allowed_origins="https://listed.example") as tessera:
        page = tessera.rest_url
        assert await upgrade(tessera.ws_url) == 101
        assert await upgrade(tessera.ws_url, page) == 101
        assert await upgrade(tessera.ws_url, page.replace("127.0.0.1", "localhost")) == 101
        assert await upgrade(tessera.ws_url, "https://listed.example") == 101
        with structlog.testing.capture_logs() as logs:
            assert await upgrade(tessera.ws_url, "https://evil.example") == 403
            assert await upgrade(tessera.ws_url, "null") == 403
            assert await upgrade(tessera.ws_url, page, "https://evil.example") == 403
            assert await upgrade(tessera.ws_url, "https://evil.example/" + "x" * 1000) == 403
        refused = [log for log in logs if log["event"] == "origin_refused"]
        assert [log["origin"][:20] for log in refused][:2] == ["https://evil.example", "null"]
        assert max(len(log["origin"]) for log in refused) == 200


async def test_a_refused_page_gets_the_name_of_the_setting(database: str) -> None:
    async with open_tessera(database) as tessera:
        answer = await handshake(tessera.ws_url, "https://evil.example")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 403 ")
    assert b"TESSERA_ALLOWED_ORIGINS" in body
    assert f"content-length: {len(body)}".encode() in head.lower()
    assert b"evil.example" not in answer


async def test_without_the_playground_its_origin_is_refused(database: str) -> None:
    async with open_tessera(database, playground=False) as tessera:
        assert tessera.running.playground is None
        assert await upgrade(tessera.ws_url, tessera.rest_url) == 403
