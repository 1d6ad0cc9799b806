"""Queries between the workers of one supervisor, over Unix sockets in a private folder.

A query is one line; the answer is everything until the end of the stream. The kernel gives an operator's request to
any worker; with these queries that worker can answer for all.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import structlog
import trio

log = structlog.get_logger(__name__)

Answers = Mapping[str, Callable[[], bytes]]
"""The function that answers each query."""

_WITHIN_S: Final = 1.0
_MAX_QUESTION_BYTES: Final = 100
_MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024


class Peers:
    """The workers of this supervisor, seen by worker `number` of `count`."""

    def __init__(self, folder: Path, number: int, count: int, answers: Answers) -> None:
        self._folder = folder
        self._number = number
        self._count = count
        self._answers = answers

    def __repr__(self) -> str:
        return f"<Peers of worker {self._number} of {self._count}>"

    async def serve(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Answer the other workers until cancelled. Reports through `task_status` when it listens."""
        path = self._path(self._number)
        # A worker that died left its socket file behind.
        await trio.Path(path).unlink(missing_ok=True)
        listener = trio.socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with listener:
            await listener.bind(str(path))
            listener.listen(self._count)
            task_status.started()
            await trio.serve_listeners(self._answer, [trio.SocketListener(listener)])

    async def ask(self, question: str) -> dict[int, bytes | None]:
        """The answers by worker number; None for a worker that does not answer within a second."""
        found: dict[int, bytes | None] = dict.fromkeys(range(1, self._count + 1))
        found[self._number] = self._answers[question]()
        async with trio.open_nursery() as nursery:
            for number in found.keys() - {self._number}:
                nursery.start_soon(self._ask, number, question, found)
        return found

    async def _ask(self, number: int, question: str, found: dict[int, bytes | None]) -> None:
        with trio.move_on_after(_WITHIN_S):
            try:
                async with await trio.open_unix_socket(str(self._path(number))) as stream:
                    await stream.send_all(question.encode() + b"\n")
                    answer = b""
                    async for received in stream:
                        answer += received
                        if len(answer) > _MAX_ANSWER_BYTES:
                            return
                    found[number] = answer or None
            except (OSError, trio.BrokenResourceError):
                pass  # the supervisor is restarting this worker

    async def _answer(self, stream: trio.SocketStream) -> None:
        with trio.move_on_after(_WITHIN_S):
            try:
                async with stream:
                    question = (await stream.receive_some(_MAX_QUESTION_BYTES)).decode("ascii", "replace").strip()
                    answer = self._answer_to(question)
                    if answer is not None:
                        await stream.send_all(answer)
            except trio.BrokenResourceError:
                pass  # the asking worker closed the stream

    def _answer_to(self, question: str) -> bytes | None:
        """The answer, or None if the query is unknown or its function failed."""
        if question not in self._answers:
            return None
        try:
            return self._answers[question]()
        # The boundary of one query: a fault in it must not end this worker.
        except Exception:
            log.exception("worker_query_failed", query=question)
            return None

    def _path(self, number: int) -> Path:
        return self._folder / f"worker-{number}.sock"
