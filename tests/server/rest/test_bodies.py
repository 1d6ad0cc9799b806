"""Rate-limit keys of network addresses."""

from __future__ import annotations

import pytest

from server.net import address_key


@pytest.mark.parametrize(
    ("host", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "unknown"),
        ("/run/tessera.sock", "unknown"),
    ],
)
def test_one_subscriber_has_one_key(host: str, key: str) -> None:
    assert address_key(host) == key
