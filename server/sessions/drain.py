"""How the devices of a stopping server spread their reconnects. Pure."""

from __future__ import annotations

from typing import Final

# One process does about a thousand handshakes a second; half of that is left to running answers.
_LEAST_SPREAD_MS: Final = 1000
_SPREAD_MS_PER_DEVICE: Final = 2


def drain_spread_ms(devices: int) -> int:
    """The time in milliseconds over which this many devices should reconnect."""
    return max(_LEAST_SPREAD_MS, devices * _SPREAD_MS_PER_DEVICE)
