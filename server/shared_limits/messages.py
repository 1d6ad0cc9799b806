"""What workers ask the arbiter, and its answers: one line of JSON each, over a Unix socket."""

from __future__ import annotations

from collections import deque
from typing import Final, Literal

import trio
from pydantic import BaseModel, ConfigDict

_CONFIG: Final = ConfigDict(frozen=True)
_MAX_LINE_BYTES: Final = 4096


class Question(BaseModel):
    """`number` is the worker's own. Every operation but `leave` is answered.

    `hello`: is the arbiter there? `take` and `spend`: of the rate `name`, which has `per_s` and `burst`, `amount` of
    `key`. `place`: one of the `count` places `name` for the holder `key`, within `wait_s` seconds. `leave`: the place
    of the earlier question `number` is given back, or not waited for any more.
    """

    model_config = _CONFIG

    op: Literal["hello", "take", "spend", "place", "leave"]
    number: int
    name: str = ""
    key: str = ""
    per_s: float = 1
    burst: float = 1
    amount: float = 1
    group: str = ""
    count: int = 1
    wait_s: float | None = None


class Reply(BaseModel):
    """`wait_s`: see `server.shared_limits.Limit`. `got`: whether the worker got the place."""

    model_config = _CONFIG

    number: int
    wait_s: float = 0
    got: bool = False


class Lines:
    """The lines of `stream` until it ends. Raises ValueError if one is too long."""

    def __init__(self, stream: trio.abc.ReceiveStream) -> None:
        self._stream = stream
        self._whole: deque[bytes] = deque()
        self._rest = b""

    def __aiter__(self) -> Lines:
        return self

    async def __anext__(self) -> bytes:
        while not self._whole:
            received = await self._stream.receive_some()
            if not received:
                raise StopAsyncIteration
            *whole, self._rest = (self._rest + received).split(b"\n")
            if len(self._rest) > _MAX_LINE_BYTES:
                raise ValueError("a line between the workers is too long")
            self._whole.extend(whole)
        return self._whole.popleft()


async def send_lines(stream: trio.abc.SendStream, outgoing: trio.MemoryReceiveChannel[BaseModel]) -> None:
    """Send each message of `outgoing` as a line, and those that wait together."""
    async for message in outgoing:
        batch = [message]
        while True:
            try:
                batch.append(outgoing.receive_nowait())
            except (trio.WouldBlock, trio.EndOfChannel):
                break
        await stream.send_all(b"".join(one.model_dump_json(exclude_defaults=True).encode() + b"\n" for one in batch))
