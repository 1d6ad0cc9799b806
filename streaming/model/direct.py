"""Batches of an answer whose text, in the middle of the answer, can be taken without the iterators in between.

A token would otherwise be passed through an asynchronous generator of each layer, from the model to the formatter.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable

from streaming.chat import Delta

TakeText = Callable[[str], Awaitable[None] | None]
"""Takes the next piece of text, never empty. Returns what to await before the next piece, or None."""


class Direct:
    """`take` gets each batch that is one piece of text, and the iterator leaves it out. None: the iterator has all."""

    __slots__ = ("take",)

    def __init__(self) -> None:
        self.take: TakeText | None = None


class DirectBatches(AsyncIterator[list[Delta]]):
    """`batches`, whose generator respects `direct`. An iterator around this one has no `direct` and gets everything.

    Set `direct.take` only between two batches, in the task that iterates: it is called in that task.
    """

    __slots__ = ("_next", "direct")

    def __init__(self, batches: AsyncGenerator[list[Delta], None], direct: Direct) -> None:
        self._next = batches.__anext__
        self.direct = direct

    def __anext__(self) -> Awaitable[list[Delta]]:
        return self._next()
