"""Wakes few tasks at a time when thousands of new connections become readable together."""

from __future__ import annotations

import select
from typing import Final, Self

import trio

AT_ONCE: Final = 16


class Readiness:
    """Wakes tasks whose sockets are readable, at most `at_once` of them in each pass of the event loop.

    Trio wakes all of them in the same pass. When thousands of devices connect together, a running answer would wait
    until each of their requests is read. Here the sockets wait in a second epoll, which one task reads. That takes
    one more pass, so it is for connections that nobody waits for yet. Without epoll, as on macOS, Trio wakes them.

    A context manager: `run` it inside the block, which ends after all tasks that wait.
    """

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._at_once = at_once
        self._epoll = select.epoll() if hasattr(select, "epoll") else None
        self._tasks: dict[int, trio.lowlevel.Task] = {}

    def __repr__(self) -> str:
        return f"<Readiness: {len(self._tasks)} sockets waiting>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._epoll is not None:
            self._epoll.close()

    async def run(self) -> None:
        """Wake tasks until cancelled."""
        epoll = self._epoll
        if epoll is None:
            await trio.sleep_forever()
        while True:
            await trio.lowlevel.wait_readable(epoll.fileno())
            # The epoll takes turns: the sockets that are left over now are the first ones of the next pass.
            for fd, _ in epoll.poll(0, self._at_once):
                trio.lowlevel.reschedule(self._taken(epoll, fd))

    async def wait(self, fd: int) -> None:
        """Wait until the socket `fd` is readable, has ended or is broken. One task may wait for each socket."""
        epoll = self._epoll
        if epoll is None:
            await trio.lowlevel.wait_readable(fd)
            return
        await trio.lowlevel.checkpoint_if_cancelled()
        epoll.register(fd, select.EPOLLIN)
        self._tasks[fd] = trio.lowlevel.current_task()

        def abort(_: trio.lowlevel.RaiseCancelT) -> trio.lowlevel.Abort:
            self._taken(epoll, fd)
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)

    def _taken(self, epoll: select.epoll, fd: int) -> trio.lowlevel.Task:
        """The task that waited for the socket `fd`, which no longer waits."""
        epoll.unregister(fd)
        return self._tasks.pop(fd)
