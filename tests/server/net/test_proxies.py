"""Client addresses behind trusted proxies."""

from __future__ import annotations

import pytest

from server.net.proxies import ProxyHeader, TrustedProxies, parse_network

TRUSTED = [parse_network(text) for text in ("10.0.0.0/8", "::1", "192.0.2.7")]
CASES: list[tuple[ProxyHeader, str, list[str], str]] = [
    # Nobody else is believed.
    ("x-forwarded-for", "203.0.113.9", ["198.51.100.1"], "203.0.113.9"),
    ("x-forwarded-for", "10.0.0.1", [], "10.0.0.1"),
    ("x-forwarded-for", "10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
    ("x-forwarded-for", "::ffff:10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
    # What the client itself sent is on the left.
    ("x-forwarded-for", "10.0.0.1", ["127.0.0.1, 198.51.100.1"], "198.51.100.1"),
    ("x-forwarded-for", "10.0.0.1", ["127.0.0.1", "198.51.100.1"], "198.51.100.1"),
    ("x-forwarded-for", "10.0.0.1", ["198.51.100.1, 10.2.3.4, 192.0.2.7"], "198.51.100.1"),
    ("x-forwarded-for", "10.0.0.1", ["10.2.3.4"], "10.2.3.4"),
    ("x-forwarded-for", "10.0.0.1", ["198.51.100.1:4711"], "198.51.100.1"),
    ("x-forwarded-for", "10.0.0.1", ["[2001:db8::1]:4711"], "2001:db8::1"),
    ("x-forwarded-for", "::1", ["2001:db8::1"], "2001:db8::1"),
    ("x-forwarded-for", "10.0.0.1", ["198.51.100.1, nonsense"], "10.0.0.1"),
    ("x-forwarded-for", "10.0.0.1", ["198.51.100.1, unknown, 10.9.9.9"], "10.9.9.9"),
    ("x-forwarded-for", "nonsense", ["198.51.100.1"], "nonsense"),
    ("forwarded", "10.0.0.1", ["for=198.51.100.1"], "198.51.100.1"),
    ("forwarded", "10.0.0.1", ['for="[2001:db8::1]:4711";proto=https;by=10.0.0.1'], "2001:db8::1"),
    ("forwarded", "10.0.0.1", ["for=127.0.0.1", "proto=https; For=198.51.100.1 , for=10.1.1.1"], "198.51.100.1"),
    ("forwarded", "10.0.0.1", ["for=198.51.100.1, for=_hidden"], "10.0.0.1"),
    ("forwarded", "10.0.0.1", ["proto=https"], "10.0.0.1"),
    # The connection itself named the client.
    ("proxy-protocol", "10.0.0.1", ["198.51.100.1"], "10.0.0.1"),
]


@pytest.mark.parametrize(("how", "peer", "values", "client"), CASES)
def test_the_client_behind_a_proxy(how: ProxyHeader, peer: str, values: list[str], client: str) -> None:
    proxies = TrustedProxies(TRUSTED, how)
    assert proxies.client_of(peer, values) == client
    assert proxies.header_name == ("forwarded" if how == "forwarded" else "x-forwarded-for")


def test_without_proxies_nobody_is_believed() -> None:
    proxies = TrustedProxies()
    assert proxies.client_of("10.0.0.1", ["198.51.100.1"]) == "10.0.0.1"
    assert not TrustedProxies((), "proxy-protocol").send_proxy_protocol


@pytest.mark.parametrize("text", ["10.0.0.1/8", "nonsense", "", "10.0.0.0/33"])
def test_what_is_no_network(text: str) -> None:
    with pytest.raises(ValueError, match="must be an address or a network"):
        parse_network(text)
