"""Points in time that both PostgreSQL and Python can represent, in every time zone.

PostgreSQL's `timestamptz` has a larger range than Python's `datetime`, and a `datetime` near the ends of its range has
no equivalent in other zones. `storable` limits times to the range from `EARLIEST` to `LATEST`, when they are written
and when they are read. So no stored time can make reading fail.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import psycopg
from psycopg.abc import AdaptContext, Buffer
from psycopg.abc import Loader as AbstractLoader
from psycopg.adapt import Loader
from psycopg.pq import Format

EARLIEST: Final = datetime(1, 1, 3, tzinfo=UTC)
LATEST: Final = datetime(9999, 12, 29, tzinfo=UTC)
"""Two days inside the range of `datetime`, because zones differ from UTC by up to 24 hours."""


def storable(when: datetime) -> datetime:
    """`when` in its own zone, or the nearest storable time in UTC. A time without a zone is taken as UTC."""
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return EARLIEST if when < EARLIEST else min(when, LATEST)


def read_storable(context: AdaptContext) -> None:
    """Make this connection pass every `timestamptz` that it reads through `storable`."""
    for loader in (_TextLoader, _BinaryLoader):
        context.adapters.register_loader("timestamptz", loader)


class _TextLoader(Loader):
    format = Format.TEXT

    def __init__(self, oid: int, context: AdaptContext | None = None) -> None:
        super().__init__(oid, context)
        self._load = _loader_of_psycopg(oid, self.format)(oid, context).load

    def load(self, data: Buffer) -> datetime:
        try:
            return storable(self._load(data))
        except psycopg.DataError:
            return EARLIEST if self._is_early(bytes(data)) else LATEST

    def _is_early(self, data: bytes) -> bool:
        return data.endswith(b"BC") or data.startswith((b"-", b"0001-"))


class _BinaryLoader(_TextLoader):
    format = Format.BINARY

    def _is_early(self, data: bytes) -> bool:
        return int.from_bytes(data, "big", signed=True) < 0  # microseconds since 2000


def _loader_of_psycopg(oid: int, format_: Format) -> type[AbstractLoader]:
    loader = psycopg.adapters.get_loader(oid, format_)
    if loader is None:
        raise LookupError("psycopg has no loader for timestamptz")
    return loader
