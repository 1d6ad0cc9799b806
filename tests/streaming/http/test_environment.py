"""The proxies of the environment are read in the same way as by httpx."""

from __future__ import annotations

import ssl

import httpx
import pytest
from httpx._utils import get_environment_proxies

from streaming.http import HttptoolsTransport, environment_transports
from streaming.http.environment import proxy_patterns

CASES: list[dict[str, str]] = [
    {},
    {"http": "http://proxy:3128"},
    {"http": "proxy:3128", "https": "https://user:pass@proxy:3129", "all": "http://all:1"},
    {"http": "http://p:1", "no": "example.com, .internal,localhost,LOCALHOST,127.0.0.1,::1,10.0.0.0/8,fe80::/10,,"},
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


def test_a_socks_proxy_needs_the_same_package_as_in_httpx() -> None:
    with pytest.raises(ImportError, match="socks"):
        environment_transports(httpx.Limits(), ssl.create_default_context(), lambda: {"all": "socks5://p:1"})
