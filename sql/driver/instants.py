"""Points in time that PostgreSQL and Python both hold, in every time zone.

PostgreSQL's `timestamptz` reaches further than Python's `datetime` on both sides, and a `datetime` near the ends of its
range has no equivalent in other zones. So what is written is held between `EARLIEST` and `LATEST` (`storable`), and so
is what is read: no row can make reading the others fail.
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
"""Two days within what `datetime` holds: zones reach up to 24 hours from UTC."""


def storable(when: datetime) -> datetime:
    """`when` in its own zone, or the nearest time that every zone holds, in UTC; a time without a zone is UTC's."""
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return EARLIEST if when < EARLIEST else min(when, LATEST)


def read_storable(context: AdaptContext) -> None:
    """Have every `timestamptz` that this connection reads come out as `storable` has it."""
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
        raise LookupError("psycopg reads no timestamptz")
    return loader
