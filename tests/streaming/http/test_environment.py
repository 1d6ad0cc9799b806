"""The proxies of the environment are read in the same way as by httpx."""

from __future__ import annotations

import ipaddress
import os
import ssl
import sys
from pathlib import Path

import httpx
import pytest
from httpx._utils import get_environment_proxies

from streaming.http import HttptoolsTransport, drop_unusable_key_log, environment_transports, tls_context
from streaming.http.environment import UnlessWithin, proxy_patterns
from streaming.model import HttpTransport, open_http_client

CASES: list[dict[str, str]] = [
    {},
    {"http": "http://proxy:3128"},
    {"http": "proxy:3128", "https": "https://user:pass@proxy:3129", "all": "http://all:1"},
    {"http": "http://p:1", "no": "example.com, .internal,localhost,LOCALHOST,127.0.0.1,::1,,"},
    {"http": "http://p:1", "no": "http://only.example,all://other.example"},
    {"http": "http://p:1", "no": "a,*,b"},
    {"travis_apt": "http://p:1", "no": "a"},
]


@pytest.mark.parametrize("proxies", CASES)
def test_the_same_as_httpx(proxies: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("httpx._utils.getproxies", lambda: proxies)
    assert proxy_patterns(proxies) == get_environment_proxies()


def test_each_pattern_has_a_transport() -> None:
    proxies = {"http": "http://user:hunter2@p:1", "no": "a.example"}
    mounts = environment_transports(httpx.Limits(), ssl.create_default_context(), lambda: proxies)
    assert mounts.keys() == {"http://", "all://*a.example"}
    assert isinstance(mounts["http://"], HttptoolsTransport)
    assert mounts["all://*a.example"] is None
    assert "hunter2" not in repr(mounts)


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize(
    ("proxies", "variable", "why"),
    [
        # GNOME's "socks://", with and without the package; a scheme that nobody speaks; no URL at all.
        ({"all": "socks://user:hunter2@p:1"}, "ALL_PROXY", "socksio"),
        ({"all": "socks5://p:1"}, "ALL_PROXY", "socksio"),
        ({"https": "socks4://p:1"}, "HTTPS_PROXY", "not a URL of a proxy"),
        ({"http": "http://p:port"}, "HTTP_PROXY", "not a URL of a proxy"),
        ({"http": "http://p:99999"}, "HTTP_PROXY", "not a URL of a proxy"),
        ({"http": "//p:1"}, "HTTP_PROXY", "not a URL of a proxy"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_left_out(
    proxies: dict[str, str],
    variable: str,
    why: str,
    own: bool,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "socksio", None)  # an environment without the extra `socks`
    context = ssl.create_default_context()
    mounts = environment_transports(httpx.Limits(), context, lambda: {**proxies, "no": "a.example"}, own=own)
    assert mounts == {"all://*a.example": None}
    (record,) = caplog.records
    assert record.getMessage().startswith(f"{variable}: ")
    assert why in record.getMessage()
    assert "hunter2" not in record.getMessage()


@pytest.mark.parametrize(
    ("entry", "pattern"),
    [
        ("[::1]", "all://[::1]"),
        ("[::1]:8080", "all://[::1]:8080"),
        ("::1", "all://[::1]"),
        ("*.local", "all://**.local"),
    ],
)
def test_forms_of_no_proxy_that_other_programs_write(entry: str, pattern: str) -> None:
    proxies = {"http": "http://p:1", "no": f"localhost,{entry},"}
    assert proxy_patterns(proxies) == {"http://": "http://p:1", "all://localhost": None, pattern: None}


def test_spaces_around_a_proxy_are_ignored() -> None:
    assert proxy_patterns({"http": " http://p:1 ", "all": "  "}) == {"http://": "http://p:1"}


def test_an_entry_of_no_proxy_that_is_no_host_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    assert proxy_patterns({"http": "http://p:1", "no": "b.example:port,http://c:port,a.example"}) == {
        "http://": "http://p:1",
        "all://*a.example": None,
    }
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == ["NO_PROXY"] * 2


async def test_networks_in_no_proxy_are_reached_directly() -> None:
    proxies = {"http": "http://p:1", "no": "10.0.0.0/8,fe80::/10,192.168.1.7/24"}
    mounts = environment_transports(httpx.Limits(), ssl.create_default_context(), lambda: proxies)
    assert mounts.keys() == {"http://"}
    transport = mounts["http://"]
    assert isinstance(transport, UnlessWithin)
    within = ["10.1.2.3", "fe80::1", "192.168.1.9"]
    assert [host for host in [*within, "11.0.0.1", "::1", "ten.example"] if transport.within(host)] == within
    sent: list[str] = []

    def route(name: str) -> httpx.MockTransport:
        def answer(request: httpx.Request) -> httpx.Response:
            sent.append(f"{name} {request.url.host}")
            return httpx.Response(200)

        return httpx.MockTransport(answer)

    network = [ipaddress.ip_network("10.0.0.0/8")]
    async with httpx.AsyncClient(
        transport=UnlessWithin(network, proxied=route("proxied"), direct=route("direct")), trust_env=False
    ) as client:
        await client.get("http://10.0.0.1/")
        await client.get("http://a.example/")
    assert sent == ["direct 10.0.0.1", "proxied a.example"]


@pytest.mark.parametrize("transport", ["httptools", "httpx"])
async def test_no_environment_stops_the_start(
    transport: HttpTransport, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "socksio", None)
    monkeypatch.setenv("ALL_PROXY", "socks://127.0.0.1:1080/")
    monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.0/8,::1,[::1],fe80::/10,*.orb.local,host:port")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    async with open_http_client(transport):
        pass
    said = {record.getMessage().partition(":")[0] for record in caplog.records}
    assert said == {"ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE"}


@pytest.mark.parametrize(("file", "usable"), [("keys", True), ("missing/keys", False), ("", True)])
def test_a_key_log_that_cannot_be_written_is_left_out(
    file: str, usable: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / file) if file else "")
    drop_unusable_key_log(os.environ)
    assert ("SSLKEYLOGFILE" in os.environ) is usable
    assert [record.getMessage()[:14] for record in caplog.records] == ([] if usable else ["SSLKEYLOGFILE:"])
    assert tls_context(None, None).get_ca_certs()


def test_certificates_that_cannot_be_read_are_replaced(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "wrong.pem").write_text("no certificate")
    usual = len(httpx.create_ssl_context(trust_env=False).get_ca_certs())
    for file, folder in (
        (str(tmp_path / "missing.pem"), None),
        (str(tmp_path / "wrong.pem"), None),
        (None, str(tmp_path / "missing")),
    ):
        caplog.clear()
        assert len(tls_context(file, folder).get_ca_certs()) == usual > 50
        assert [record.getMessage()[:9] for record in caplog.records] == ["SSL_CERT_"]
    caplog.clear()
    assert tls_context(None, str(tmp_path)).get_ca_certs() == []
    assert caplog.records == []
