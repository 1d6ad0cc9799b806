"""The results of changes that the server has not acknowledged: they are sent again until it does, or refuses them."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import islice
from typing import Final
from uuid import UUID

import trio
from pydantic import BaseModel

from streaming.wire import ErrorCode, ServerFrame, WsError, WsToolAck, WsToolResult

_FIRST_S: Final = 4.0
_MAX_S: Final = 300.0
# More at the same time could exceed the server's limit of frames.
_MOST_AT_ONCE: Final = 50


class UnacknowledgedResults:
    """Sends results again with growing delays. The server may not have been able to store their changes. `run` it."""

    def __init__(self, post: Callable[[BaseModel], None]) -> None:
        """`post` sends a frame, or drops it if there is no connection."""
        self._post = post
        self._results: dict[UUID, WsToolResult] = {}
        self._delay_s = _FIRST_S
        self._changed = trio.Event()

    def __len__(self) -> int:
        return len(self._results)

    def sent(self, frame: BaseModel) -> None:
        """Note a frame that is sent, if it is the result of a successful change."""
        if isinstance(frame, WsToolResult) and frame.ok and frame.tool is not None and frame.id is not None:
            self._results[frame.call_id] = frame
            if len(self._results) == 1:
                self._begin()

    def connected(self) -> None:
        """There is a new connection: begin with the first delay."""
        self._begin()

    def heard(self, frame: ServerFrame) -> None:
        """Forget the result that `frame` acknowledges or refuses."""
        match frame:
            case WsToolAck(call_id=call_id):
                self._results.pop(call_id, None)
            case WsError(code=ErrorCode.UNKNOWN_CALL, call_id=UUID() as call_id):
                self._results.pop(call_id, None)

    async def run(self) -> None:
        """Send again until cancelled."""
        while True:
            changed = self._changed
            if not self._results:
                await changed.wait()
                continue
            with trio.move_on_after(self._delay_s * (0.5 + random.random() / 2)):  # noqa: S311 - jitter, not a secret
                await changed.wait()
            if not changed.is_set():
                self._delay_s = min(2 * self._delay_s, _MAX_S)
                for result in islice([*self._results.values()], _MOST_AT_ONCE):
                    self._post(result)

    def _begin(self) -> None:
        self._delay_s = _FIRST_S
        self._changed.set()
        self._changed = trio.Event()
