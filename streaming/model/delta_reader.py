"""Reads and decodes the body of one model response. Text in the middle of the answer can be taken where it is read."""

from __future__ import annotations

from collections.abc import Awaitable

import trio

from streaming.chat import ContentDelta, Delta
from streaming.http import TakeChunk
from streaming.model.body import TimedReader
from streaming.model.decoder import ResponseDecoder
from streaming.model.direct import TakeText


class DeltaReader:
    """For one task only. `at` is when the time for the next chunk ends, on trio's clock.

    Each piece of text that `take` gets extends the time by `limit` seconds.
    """

    __slots__ = ("_deltas", "_feed", "_now", "_reader", "_room", "at", "decoder", "limit")

    def __init__(self, reader: TimedReader, decoder: ResponseDecoder, at: float, limit: float) -> None:
        self.decoder = decoder
        self.at = at
        self.limit = limit
        self._reader = reader
        self._feed = decoder.feed
        # `trio.current_time` without the search for the clock, because it is read once per token.
        self._now = trio.lowlevel.current_clock().current_time
        self._room: Awaitable[None] | None = None
        self._deltas: list[Delta] = []

    def extend(self, limit: float) -> None:
        """Let the time for the next chunk end `limit` seconds from now."""
        self.at = self._now() + limit

    async def read(self, take: TakeText | None) -> list[Delta]:
        """The deltas of the next chunk, or with `take` of the next one that is not just a piece of text.

        `take` gets those pieces. Raises `httpx.HTTPError`, and what `take` raises.
        """
        if take is None:
            chunk = await self._reader.read(self.at)
            return self._feed(chunk) if chunk else self.decoder.close()
        while True:
            await self._reader.read_each(self.at, self._taking(take))
            room, self._room = self._room, None
            if room is None:
                return self._deltas
            await room
            # Set afterwards: the time that `take` needs does not count against the model.
            self.extend(self.limit)

    def _taking(self, take: TakeText) -> TakeChunk:
        """Takes a chunk if it is a piece of text. Returns the time for the next one, or None to stop reading."""
        feed, now, limit = self._feed, self._now, self.limit

        def take_chunk(chunk: bytes) -> float | None:
            if chunk and len(deltas := feed(chunk)) == 1 and isinstance(delta := deltas[0], ContentDelta):
                if (room := take(delta.text)) is None:
                    self.at = at = now() + limit
                    return at
                self._room = room
                return None
            self._deltas = deltas if chunk else self.decoder.close()
            return None

        return take_chunk
