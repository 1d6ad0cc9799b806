"""Tells systemd that the server is ready, that it stops, and that its event loop runs (`Type=notify`, `WatchdogSec=`).

The protocol is that of sd_notify(3): datagrams to the Unix socket that `NOTIFY_SOCKET` names. Without the variable,
nothing is sent.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, MutableMapping
from typing import Final

import structlog
import trio

log = structlog.get_logger(__name__)

_SOCKET: Final = "NOTIFY_SOCKET"
_WATCHDOG: Final = "WATCHDOG_USEC"
_WATCHDOG_PID: Final = "WATCHDOG_PID"
# systemd stops the service when no message arrives for the whole interval, and advises to send two in it.
_MESSAGES_PER_INTERVAL: Final = 2


class ServiceManager:
    """The service manager of this process; without one, every method does nothing."""

    def __init__(self, address: str | None, watchdog_s: float | None) -> None:
        """Send to the Unix socket `address`; @ begins an abstract one. `watchdog_s`: the watchdog's interval."""
        self._address = "\0" + address[1:] if address is not None and address.startswith("@") else address
        self._watchdog_s = watchdog_s

    def __repr__(self) -> str:
        return f"<ServiceManager at {self._address!r}, watchdog: {self._watchdog_s} s>"

    @classmethod
    def take(cls, environ: MutableMapping[str, str]) -> ServiceManager:
        """The service manager that `environ` names. Removes its variables, which are not for started programs."""
        manager = cls(environ.get(_SOCKET) or None, _watchdog_s(environ))
        for name in (_SOCKET, _WATCHDOG, _WATCHDOG_PID):
            environ.pop(name, None)
        return manager

    async def ready(self, status: str) -> None:
        """Say that the server accepts connections. `status` is one line for `systemctl status`."""
        await self._send(f"READY=1\nSTATUS={status}")

    async def stopping(self) -> None:
        """Say that the server drains."""
        await self._send("STOPPING=1\nSTATUS=draining")

    async def keep_watchdog_quiet(self) -> None:
        """Tell the watchdog that the event loop runs, until cancelled."""
        if self._address is None or self._watchdog_s is None:
            return
        while True:
            await self._send("WATCHDOG=1")
            await trio.sleep(self._watchdog_s / _MESSAGES_PER_INTERVAL)

    async def _send(self, message: str) -> None:
        if self._address is None:
            return
        try:
            with trio.socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                await sender.sendto(message.encode(), self._address)
        except OSError as error:
            # A server without its service manager still serves; systemd itself acts on the missing message.
            log.warning("service_manager_unreachable", address=self._address, error=str(error))


def _watchdog_s(environ: Mapping[str, str]) -> float | None:
    """The watchdog's interval in seconds. None if there is none, or if it watches another process."""
    interval, pid = environ.get(_WATCHDOG, ""), environ.get(_WATCHDOG_PID, "")
    if not interval.isdecimal() or int(interval) == 0 or pid not in ("", str(os.getpid())):
        return None
    return int(interval) / 1_000_000
