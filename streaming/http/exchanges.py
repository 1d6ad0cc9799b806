"""The HTTP exchanges of one request of a person, so that they can be ended together and immediately.

The collection is a context variable, like the caller of `server.models`: a task that a nursery starts inherits it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from streaming.http.pool import Lease

_collecting: ContextVar[Exchanges | None] = ContextVar("http_exchanges", default=None)


class Exchanges:
    """The exchanges that began inside `collecting`. For one request: it forgets none that has ended."""

    def __init__(self) -> None:
        self._leases: list[Lease] = []

    def __repr__(self) -> str:
        return f"<Exchanges: {len(self._leases)}>"

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Inside the block, the exchanges of this task, and of the tasks that it starts, belong to this collection."""
        token = _collecting.set(self)
        try:
            yield
        finally:
            _collecting.reset(token)

    def close(self) -> None:
        """Close the connections of the exchanges that have not ended, before this returns.

        Cancel the tasks that use them first: a task that is not cancelled gets `httpx.ReadError`. A cancelled task
        alone would close its connection only when its turn comes, after all other tasks that are ready.
        """
        for lease in self._leases:
            if lease.connection is not None:
                lease.connection.close()


def collect(lease: Lease) -> None:
    """An exchange begins with `lease`."""
    collecting = _collecting.get()
    if collecting is not None:
        collecting._leases.append(lease)
