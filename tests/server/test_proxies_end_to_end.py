"""TLS on both listeners, and proxies in front of them that name the client."""

from __future__ import annotations

import json
import ssl
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import trio
import trustme
from structlog.testing import capture_logs
from trio_websocket import open_websocket_url

from server.settings.environment import SettingsError, load_settings
from streaming.wire import WsClientInfo, WsDeviceHello
from tests.server.tessera import PASSWORD, Tessera, open_tessera

AUTH = "/api/v1/auth"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def certificate(authority: trustme.CA, folder: Path) -> dict[str, str]:
    issued = authority.issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    issued.private_key_pem.write_to_path(str(folder / "key.pem"))
    return {"tls_cert": str(folder / "cert.pem"), "tls_key": str(folder / "key.pem")}


def hello(token: str) -> str:
    return WsDeviceHello(
        token=token,
        device_id=uuid4(),
        protocol_versions=[3],
        client=WsClientInfo(name="test", version="1", platform="test"),
        resume=None,
    ).model_dump_json()


async def test_both_listeners_speak_tls(database: str, tmp_path: Path, authority: trustme.CA) -> None:
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with open_tessera(database, **certificate(authority, tmp_path)) as tessera:
        assert tessera.rest_url.startswith("https://")
        assert tessera.ws_url.startswith("wss://")
        async with httpx.AsyncClient(base_url=tessera.rest_url, verify=trusting, trust_env=False) as client:
            body = {"email": "ann@example.com", "password": PASSWORD}
            answers = [await client.post(f"{AUTH}/{path}", json=body) for path in ("register", "login")]
            assert [answer.status_code for answer in answers] == [201, 200]
        async with open_websocket_url(tessera.ws_url, ssl_context=trusting) as socket:
            await socket.send_message(hello(answers[0].json()["access_token"]))
            assert json.loads(await socket.get_message())["type"] == "device_ready"
            await socket.send_message('{"type": "ping"}')
            assert json.loads(await socket.get_message())["type"] == "pong"
        # A client without TLS is refused, and the listeners go on.
        plain = tessera.rest_url.replace("https", "http")
        async with httpx.AsyncClient(base_url=plain, trust_env=False) as client:
            with pytest.raises(httpx.TransportError):
                await client.get("/healthz")
        async with httpx.AsyncClient(base_url=tessera.rest_url, verify=trusting, trust_env=False) as client:
            assert (await client.get("/healthz")).status_code == 200


async def statuses(tessera: Tessera, addresses: list[str], header: str = "X-Forwarded-For") -> list[int]:
    """The statuses of a login attempt as each of these clients."""
    found = []
    async with httpx.AsyncClient(base_url=tessera.rest_url, trust_env=False) as client:
        for number, address in enumerate(addresses):
            body = {"email": f"{number}@example.com", "password": "guess"}
            found.append((await client.post(f"{AUTH}/login", json=body, headers={header: address})).status_code)
    return found


async def test_clients_behind_a_trusted_proxy_have_limits_of_their_own(database: str) -> None:
    async with open_tessera(database, trusted_proxies="127.0.0.0/8") as tessera:
        assert set(await statuses(tessera, ["198.51.100.1"] * 30)) == {401}
        # What the client itself sent stands before what the proxy added.
        assert await statuses(tessera, ["198.51.100.1", "198.51.100.2", "1.1.1.1, 198.51.100.1"]) == [429, 401, 429]
        assert await statuses(tessera, ["for=198.51.100.3"], "Forwarded") == [401]


async def test_without_trusted_proxies_the_header_counts_nothing(database: str) -> None:
    async with open_tessera(database) as tessera:
        found = await statuses(tessera, [f"198.51.100.{number}" for number in range(30)])
        # The limit recovers while a slow machine still checks passwords, so the 31st attempt may be allowed.
        while len(found) < 120 and found[-1] == 401:
            found += await statuses(tessera, [f"203.0.113.{len(found)}"])
    assert found == [401] * (len(found) - 1) + [429]


async def test_the_peer_of_a_socket_is_the_client(database: str) -> None:
    with capture_logs() as logs:
        async with open_tessera(database, trusted_proxies="127.0.0.1") as tessera:
            token = (await tessera.account()).access_token
            headers = [(b"X-Forwarded-For", b"203.0.113.7")]
            async with open_websocket_url(tessera.ws_url, extra_headers=headers) as socket:
                await socket.send_message(hello(token))
                await socket.get_message()
    assert [entry["peer"] for entry in logs if entry["event"] == "session_opened"] == ["203.0.113.7"]


@pytest.mark.parametrize("tls", [False, True])
async def test_the_proxy_protocol_names_the_client(
    database: str, tmp_path: Path, authority: trustme.CA, tls: bool
) -> None:
    settings: dict[str, Any] = certificate(authority, tmp_path) if tls else {}
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with open_tessera(
        database, trusted_proxies="127.0.0.1", proxy_header="proxy-protocol", **settings
    ) as tessera:
        port = int(tessera.rest_url.rpartition(":")[2])

        async def login(address: str) -> int:
            stream: Any = await trio.open_tcp_stream("127.0.0.1", port)
            await stream.send_all(f"PROXY TCP4 {address} 10.0.0.1 4711 443\r\n".encode())
            if tls:
                stream = trio.SSLStream(stream, trusting, server_hostname="127.0.0.1", https_compatible=True)
            body = json.dumps({"email": f"{address}@example.com", "password": "guess"}).encode()
            head = f"POST {AUTH}/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            await stream.send_all(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
            answer = b""
            async with stream:
                async for chunk in stream:
                    answer += chunk
            return int(answer.split(b" ")[1])

        limit = 1 if tls else 31
        assert {await login("198.51.100.1") for _ in range(min(limit, 10))} <= {401, 429}
        assert await login("198.51.100.2") == 401
        # A connection without the header is closed.
        async with httpx.AsyncClient(base_url=tessera.rest_url, verify=False, trust_env=False) as client:  # noqa: S501
            with pytest.raises(httpx.TransportError):
                await client.get("/healthz")


async def test_behind_one_port_the_page_opens_its_socket_at_the_proxy(database: str) -> None:
    async with (
        open_tessera(database, public_url="https://tessera.example.com/", playground="true") as tessera,
        httpx.AsyncClient(base_url=tessera.rest_url, trust_env=False) as client,
    ):
        place = (await client.get("/playground.json")).json()
        assert place == {"ws_url": "wss://tessera.example.com/api/v1/ws/device"}
        assert "wss://tessera.example.com" in (await client.get("/")).headers["Content-Security-Policy"]
        token = (await tessera.account()).access_token
        headers = [(b"Origin", b"https://tessera.example.com")]
        async with open_websocket_url(tessera.ws_url, extra_headers=headers) as socket:
            await socket.send_message(hello(token))
            assert json.loads(await socket.get_message())["type"] == "device_ready"


def test_settings_of_connections_that_are_refused() -> None:
    for settings in (
        {"TESSERA_TLS_CERT": "/nowhere"},
        {"TESSERA_TRUSTED_PROXIES": "10.0.0.1/8"},
        {"TESSERA_PROXY_HEADER": "via"},
        {"TESSERA_PUBLIC_URL": "https://x/path"},
        {"TESSERA_OIDC_ISSUER": "http://id.example.com", "TESSERA_OIDC_AUDIENCE": "x"},
        {"TESSERA_OIDC_ISSUER": "https://id.example.com"},
        {"TESSERA_JWKS_URL": "https://id.example.com/keys"},
        {"TESSERA_OIDC_ALGORITHMS": "HS256"},
    ):
        with pytest.raises(SettingsError):
            load_settings(settings)
