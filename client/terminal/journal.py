"""What the device must not forget: the calls it has started, and the changes that the server has not stored yet.

Both are in one file of the state folder. A call is on the disk before its tool runs, so it never runs twice.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import trio

from client.terminal.connection import frame_text
from client.terminal.store import InvalidDataError, write_atomically
from streaming.wire import ErrorCode, ServerFrame, WsClientMutation, WsDeviceReady, WsError, WsFrameType, WsToolResult

KEPT_S = 7 * 86_400
"""Seconds after which a call is deleted that the server has never acknowledged."""


class DeviceJournal:
    """The calls and changes of one device. With `path` None, they are only in memory."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._saving = trio.Lock()
        self._calls: dict[str, dict[str, Any]] = {}
        self.changes: list[WsClientMutation] = []
        """The person's changes that the server has not stored yet, oldest first."""
        self.last_change: int | None = None
        """The number of the last change of another device that was applied here."""

    @classmethod
    def load(cls, path: Path) -> DeviceJournal:
        """Read the journal. Raises `InvalidDataError` if the file is damaged."""
        journal = cls(path)
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            oldest = time.time() - KEPT_S
            journal._calls = {key: call for key, call in content["calls"].items() if call["started_at"] >= oldest}
            journal.changes = [WsClientMutation.model_validate(change) for change in content["changes"]]
            journal.last_change = content["last_change"]
        except FileNotFoundError:
            pass
        except (ValueError, KeyError, TypeError, AttributeError):
            raise InvalidDataError(f"{path} is not a journal of this device.") from None
        return journal

    def knows(self, call_id: UUID) -> bool:
        """Whether the call was started here."""
        return str(call_id) in self._calls

    def result(self, call_id: UUID) -> WsToolResult | None:
        """The result of the call, or None if it has none."""
        found = self._calls.get(str(call_id), {}).get("result")
        return None if found is None else WsToolResult.model_validate(found)

    def unacknowledged(self, ready: WsDeviceReady) -> list[WsToolResult]:
        """The changes to send again: a server or a session that is new may not know their calls."""
        if ready.resume == "resumed":
            return []
        results = [WsToolResult.model_validate(one["result"]) for one in self._calls.values() if one.get("result")]
        return [result for result in results if result.ok and result.tool is not None and result.id is not None]

    async def start(self, call_id: UUID) -> None:
        """Write the call. Raises OSError."""
        self._calls[str(call_id)] = {"started_at": time.time(), "result": None}
        await self.save()

    async def finish(self, result: WsToolResult) -> None:
        """Write the result of a call. Raises OSError."""
        entry = self._calls.setdefault(str(result.call_id), {"started_at": time.time()})
        entry["result"] = json.loads(frame_text(result))
        await self.save()

    async def acknowledged(self, call_id: UUID) -> None:
        """The server has the result: delete the call."""
        if self._calls.pop(str(call_id), None) is not None:
            await self.save()

    async def refused(self, frame: ServerFrame) -> None:
        """If the server does not know the call of a result, it will never ask for it: delete the call."""
        if isinstance(frame, WsError) and frame.code is ErrorCode.UNKNOWN_CALL and frame.call_id is not None:
            await self.acknowledged(frame.call_id)

    async def save(self) -> None:
        """Write the file in a worker thread, one write at a time. Does nothing without a path."""
        if self._path is None:
            return
        path = self._path
        async with self._saving:
            content = {
                "calls": self._calls,
                "changes": [json.loads(frame_text(change)) for change in self.changes],
                "last_change": self.last_change,
            }
            text = json.dumps(content, ensure_ascii=False)
            await trio.to_thread.run_sync(write_atomically, path, text)


def refuses_a_change(frame: ServerFrame, changes: Sequence[WsClientMutation]) -> bool:
    """Whether the server could not read the first of `changes`, which was sent. After other errors, send it again."""
    if not (isinstance(frame, WsError) and frame.code is ErrorCode.INVALID_FRAME):
        return False
    if frame.mutation_id is not None:
        return bool(changes) and changes[0].mutation_id == frame.mutation_id
    others = (frame.request_id, frame.call_id, frame.data_id, frame.memory_id)
    return frame.frame_type in {None, WsFrameType.MUTATION} and all(other is None for other in others)
