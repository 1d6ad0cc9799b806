"""Real proxies that end TLS on one port for both listeners, and say who the client is in each way that they can."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import httpx
import pytest
import trio
import trustme
from structlog.testing import capture_logs
from trio_websocket import wrap_client_stream

from tests.server.haproxy import haproxy, needs_haproxy
from tests.server.nginx import needs_nginx, nginx
from tests.server.tessera import PASSWORD, open_tessera
from tests.server.test_proxies_end_to_end import hello

Proxy = Callable[[Path, Path, str, str, str], AbstractAsyncContextManager[int]]
FORWARDED = 'http-request set-header Forwarded "for=%[src]"'


@pytest.mark.parametrize(
    ("proxy", "header", "backend"),
    [
        # The proxy replaces what the client sent, as the docs advise, or appends to it.
        pytest.param(haproxy, "x-forwarded-for", "option forwardfor", marks=needs_haproxy),
        pytest.param(haproxy, "forwarded", FORWARDED, marks=needs_haproxy),
        pytest.param(haproxy, "proxy-protocol", "send-proxy-v2", marks=needs_haproxy),
        pytest.param(
            nginx,
            "x-forwarded-for",
            "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
            marks=needs_nginx,
            id="nginx-appends",
        ),
        pytest.param(
            nginx,
            "x-forwarded-for",
            "proxy_set_header X-Forwarded-For $remote_addr;",
            marks=needs_nginx,
            id="nginx-replaces",
        ),
        pytest.param(
            nginx, "forwarded", "proxy_set_header Forwarded for=$remote_addr;", marks=needs_nginx, id="nginx-forwarded"
        ),
    ],
)
async def test_both_listeners_share_a_tls_port_of_a_real_proxy(
    database: str, tmp_path: Path, proxy: Proxy, header: str, backend: str
) -> None:
    authority = trustme.CA()
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    pem = tmp_path / "proxy.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(pem))
    with capture_logs() as logs:
        async with open_tessera(
            database, trusted_proxies="127.0.0.1", proxy_header=header, max_signups_per_address_hour=2
        ) as tessera:
            rest, sockets = (url.split("/")[2] for url in (tessera.rest_url, tessera.ws_url))
            async with proxy(tmp_path, pem, rest, sockets, backend) as port:
                # Clients at other loopback addresses than the proxy, which the server trusts.
                for host in ("127.0.0.5", "127.0.0.6"):
                    source = httpx.AsyncHTTPTransport(verify=trusting, local_address=host)
                    # An invented address, in each way that a client may send one.
                    invented = {"X-Forwarded-For": "198.51.100.9", "Forwarded": "for=198.51.100.9"}
                    async with httpx.AsyncClient(
                        base_url=f"https://127.0.0.1:{port}", transport=source, headers=invented
                    ) as client:
                        answers = [
                            await client.post(
                                "/api/v1/auth/register",
                                json={"email": f"{number}@{host}.example.com", "password": PASSWORD},
                            )
                            for number in range(3)
                        ]
                    # Two accounts of each client: the limit is that of the client, not of the proxy.
                    assert [answer.status_code for answer in answers] == [201, 201, 429]
                spoofed = [(b"X-Forwarded-For", b"198.51.100.9"), (b"Forwarded", b"for=198.51.100.9")]
                tcp = await trio.open_tcp_stream("127.0.0.1", port, local_address="127.0.0.5")
                async with (
                    trio.SSLStream(tcp, trusting, server_hostname="127.0.0.1", https_compatible=True) as stream,
                    trio.open_nursery() as nursery,
                ):
                    device = await wrap_client_stream(
                        nursery, stream, "127.0.0.1", "/api/v1/ws/device", extra_headers=spoofed
                    )
                    async with device:
                        await device.send_message(hello(answers[0].json()["access_token"]))
                        assert json.loads(await device.get_message())["type"] == "device_ready"
    (opened,) = [line["peer"] for line in logs if line["event"] == "session_opened"]
    assert opened.partition(":")[0] == "127.0.0.5"
    assert "198.51.100.9" not in str(logs)
