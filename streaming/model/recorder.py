"""Records model streams with their timing, for `python -m parser replay FILE`.

There is one file per model call, in the format of `parser.recording`: a line for each batch of text, with its time. A
disk error ends the recording, never the answer.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import structlog
import trio

from parser.recording import RecordingWriter
from streaming.chat import ChatRequest, ContentDelta, Delta

log = structlog.get_logger(__name__)


class StreamingModel(Protocol):
    """A model that can be recorded, such as `streaming.model.chat_model.ChatModel`."""

    @property
    def structured_output(self) -> bool: ...

    def stream(self, request: ChatRequest) -> AbstractAsyncContextManager[AsyncIterator[Sequence[Delta]]]: ...


class RecordedModel:
    """`model`, with each stream written to a new file in `folder`, which is created if necessary.

    Without `contents` a recording has the time and the size of each piece of text, but not the text.
    """

    def __init__(self, model: StreamingModel, folder: Path, *, contents: bool) -> None:
        self._model = model
        self._folder = folder
        self._contents = contents

    def __repr__(self) -> str:
        return f"<RecordedModel of {self._model!r} in {self._folder}>"

    @property
    def structured_output(self) -> bool:
        return self._model.structured_output

    @asynccontextmanager
    async def stream(self, request: ChatRequest) -> AsyncIterator[AsyncIterator[Sequence[Delta]]]:
        """Call the model and record its answer; see `streaming.model.chat_model.ChatModel.stream`."""
        async with self._model.stream(request) as batches, aclosing(self._recorded(batches)) as recorded:
            yield recorded

    async def _recorded(self, batches: AsyncIterator[Sequence[Delta]]) -> AsyncGenerator[Sequence[Delta], None]:
        now = datetime.now(UTC)
        began = trio.current_time()
        writer = RecordingWriter(contents=self._contents, started=now.isoformat(timespec="seconds"))
        path = self._folder / f"{now:%Y%m%dT%H%M%S}-{uuid4().hex[:12]}.jsonl"
        going = await _append(path, writer.header())
        async for batch in batches:
            text = "".join(delta.text for delta in batch if isinstance(delta, ContentDelta))
            if going and text:
                going = await _append(path, writer.chunk(int((trio.current_time() - began) * 1e9), text))
            yield batch


async def _append(path: Path, line: str) -> bool:
    """Append one line in a worker thread. On a disk error: False, and a warning in the log."""
    try:
        await trio.to_thread.run_sync(_append_now, path, line)
    except OSError as error:
        log.warning("recording_failed", file=str(path), reason=error.strerror)
        return False
    return True


def _append_now(path: Path, line: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Readable by the owner only: with contents, this is a private conversation.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "a", encoding="utf-8") as file:
        file.write(line)
