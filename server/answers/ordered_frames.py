"""Emits an answer's frames in block order while value-bound blocks wait for the device."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Final

import trio

from streaming.answer import HomePart, UnfetchedBlock
from streaming.wire import AnswerFrame

_HELD_S: Final = 1.0

Emit = Callable[[AnswerFrame], Awaitable[None] | None]
"""Takes a frame. Returns what to await before the next one, or None."""
Fetch = Callable[[UnfetchedBlock], Awaitable[Sequence[AnswerFrame]]]
"""Fetches what a block needs and returns its frames, none if it cannot be shown. Raises nothing but `Cancelled`."""


class _Place:
    """Where a block belongs among the held frames. `frames`: None until they are known."""

    def __init__(self) -> None:
        self.frames: Sequence[AnswerFrame] | None = None
        self.overtaken = False


class OrderedFrames:
    """`put` frames in order, then `settle`. Use `open_ordered_frames`.

    Frames after a block that waits for the device are held, so that the client receives the blocks in order. The
    model's answer is read meanwhile, and further blocks are fetched at the same time. A block that takes longer than a
    second is overtaken: the text after it goes out, and the block follows with its own index.
    """

    def __init__(self, nursery: trio.Nursery, emit: Emit, fetch: Fetch) -> None:
        self._nursery = nursery
        self._emit = emit
        self._fetch = fetch
        self._held: deque[AnswerFrame | _Place] = deque()
        self._fetching = 0
        self._settled = trio.Event()
        # One task emits at a time: the one that reads the answer, or one that has fetched a block.
        self._emitting = trio.Lock()
        self.failed: Exception | None = None

    def put(self, part: HomePart | AnswerFrame) -> Awaitable[None] | None:
        """Emit a frame, or hold it behind the blocks that wait. Raises what `emit` raises.

        Returns what to await before the next part, or None. It is not a coroutine, because it runs for each token.
        """
        if isinstance(part, UnfetchedBlock):
            place = _Place()
            self._held.append(place)
            self._fetching += 1
            self._settled = trio.Event()
            self._nursery.start_soon(self._fill, place, part)
            return None
        if self._held or self._fetching:
            self._held.append(part)
            return self._flush()
        return self._emit(part)

    async def put_all(self, parts: Iterable[HomePart | AnswerFrame]) -> None:
        """Every part in order."""
        for part in parts:
            if (room := self.put(part)) is not None:
                await room

    async def settle(self) -> None:
        """Wait until every block has been fetched and every frame was emitted."""
        while self._fetching:
            await self._settled.wait()

    async def _fill(self, place: _Place, block: UnfetchedBlock) -> None:
        waiting = trio.CancelScope()
        try:
            self._nursery.start_soon(self._let_pass, place, waiting)
            place.frames = await self._fetch(block)
            waiting.cancel()
            if place in self._held:
                await self._flush()
            else:
                await self._emit_alone(place.frames)
        # A boundary: `open_ordered_frames` raises it outside the nursery, which would put it in a group.
        except Exception as error:  # noqa: BLE001
            self._fail(error)
        finally:
            self._fetching -= 1
            if not self._fetching:
                self._settled.set()

    async def _let_pass(self, place: _Place, waiting: trio.CancelScope) -> None:
        with waiting:
            await trio.sleep(_HELD_S)
        # Not inside the scope: cancelling it would lose the frame that is being emitted.
        if waiting.cancelled_caught:
            return
        place.overtaken = True
        try:
            await self._flush()
        # A boundary, as above.
        except Exception as error:  # noqa: BLE001
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self.failed = self.failed or error
        self._nursery.cancel_scope.cancel()

    async def _flush(self) -> None:
        async with self._emitting:
            while self._held:
                first = self._held[0]
                if isinstance(first, _Place):
                    if first.frames is None and not first.overtaken:
                        return
                    self._held.popleft()
                    for frame in first.frames or ():
                        await self._emit_next(frame)
                else:
                    self._held.popleft()
                    await self._emit_next(first)

    async def _emit_alone(self, frames: Sequence[AnswerFrame]) -> None:
        async with self._emitting:
            for frame in frames:
                await self._emit_next(frame)

    async def _emit_next(self, frame: AnswerFrame) -> None:
        if (room := self._emit(frame)) is not None:
            await room


@asynccontextmanager
async def open_ordered_frames(emit: Emit, fetch: Fetch, within_s: float) -> AsyncGenerator[OrderedFrames, None]:
    """Raises an exception of the body or of `emit` directly, not in a group; blocks that still wait are abandoned.

    Raises `trio.TooSlowError` if the body and the waiting blocks take longer than `within_s` seconds.
    """
    failed: Exception | None = None
    async with trio.open_nursery() as nursery:
        nursery.cancel_scope.deadline = trio.current_time() + within_s
        frames = OrderedFrames(nursery, emit, fetch)
        try:
            yield frames
            await frames.settle()
        # Any exception: it is raised again outside the nursery, which would put it in a group.
        except Exception as error:  # noqa: BLE001
            failed = error
            nursery.cancel_scope.cancel()
    failed = failed or frames.failed
    if failed is not None:
        raise failed
    if nursery.cancel_scope.cancelled_caught:
        raise trio.TooSlowError
