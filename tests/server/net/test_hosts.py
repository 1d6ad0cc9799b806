"""Which `Host` headers are answered."""

from __future__ import annotations

import pytest

from server.net import AllowedHosts


@pytest.mark.parametrize(
    ("names", "bound_to", "host", "allowed"),
    [
        ((), "127.0.0.1", "localhost:8000", True),
        ((), "127.0.0.1", "127.0.0.1:8000", True),
        ((), "::1", "[::1]:8000", True),
        ((), "127.0.0.1", "evil.example:8000", False),
        ((), "127.0.0.1", "localhost.evil.example", False),
        ((), "127.0.0.1", "", False),
        ((), "10.0.0.1", "api.example", True),
        (("api.example",), "10.0.0.1", "API.example:443", True),
        (("api.example",), "10.0.0.1", "api.example.", True),
        (("api.example",), "10.0.0.1", "evil.example", False),
        (("api.example",), "10.0.0.1", "10.0.0.7:8000", True),
    ],
)
def test_a_host(names: tuple[str, ...], bound_to: str, host: str, allowed: bool) -> None:
    assert AllowedHosts(names, bound_to).allows(host) is allowed
