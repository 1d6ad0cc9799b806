"""The relay put together, where there are other servers to reach."""

from __future__ import annotations

from memory.keys import KeyRing
from server.devices import DeviceRegistry
from server.relay.messages import SEAL_LABEL, Seal
from server.relay.relay import STALE_S, Relay
from server.relay.store import RelayStore
from server.storage import Database
from sql.statements import Statements


def open_relay(
    database: Database, statements: Statements, keys: KeyRing, registry: DeviceRegistry, *, call_s: float
) -> Relay:
    """A relay for the devices of `registry`, which finds those of the other servers from now on. `run` it."""
    store = RelayStore(database.pool, statements, Seal(keys.derive(SEAL_LABEL)), stale_s=STALE_S)
    relay = Relay(store, registry, database.url, call_s=call_s)
    registry.others = relay
    return relay
