"""A persistent device whose server's side the test plays, over several sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import uuid4

import trio

from client.terminal.calls import Approve, Tools
from client.terminal.journal import DeviceJournal
from client.terminal.link import OnMutation
from client.terminal.persistent_device import PersistentDevice, open_persistent_device
from client.terminal.reconnection import Patience
from tests.client.peer import Peer, open_peer

QUICK = Patience(first_delay_s=0, max_delay_s=0)
DEVICE = uuid4()
SESSION = uuid4()
KNOWN = {"last": 7, "missed": "none"}


class Sockets:
    """The scripts of the sockets, in order. Each gets its peer, which has not been greeted."""

    def __init__(self, *scripts: Callable[[Peer], Awaitable[None]]) -> None:
        self._scripts = list(scripts)

    async def __call__(self, peer: Peer) -> None:
        await self._scripts.pop(0)(peer)


@asynccontextmanager
async def device_at(
    *scripts: Callable[[Peer], Awaitable[None]],
    tools: Tools | None = None,
    journal: DeviceJournal | None = None,
    patience: Patience = QUICK,
    states: list[str] | None = None,
    on_mutation: OnMutation | None = None,
    on_approval: Approve | None = None,
) -> AsyncIterator[PersistentDevice]:
    async def token(_refused: bool) -> str:
        await trio.lowlevel.checkpoint()
        return "token"

    with trio.fail_after(60):
        async with open_peer(Sockets(*scripts), greet=False) as url:
            device = PersistentDevice(
                url,
                token,
                device_id=DEVICE,
                tools=tools or {},
                journal=journal or DeviceJournal(),
                on_mutation=on_mutation,
                on_approval=on_approval,
                on_state=(states if states is not None else []).append,
                patience=patience,
            )
            async with open_persistent_device(device):
                yield device


async def cut(peer: Peer) -> None:
    """End the socket without a close frame."""
    await trio.aclose_forcefully(peer.socket._stream)
