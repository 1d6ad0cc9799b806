"""The control frames that wait for one session's client, with their size in bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from streaming.wire import (
    ServerFrame,
    WsMemoryForgotten,
    WsMemoryPreview,
    WsRequestResult,
    WsServerMutation,
    WsToolCall,
)

_LARGE: Final = WsServerMutation | WsToolCall | WsRequestResult | WsMemoryForgotten | WsMemoryPreview
# The other frames have a few short fields.
_SMALL_BYTES: Final = 512
# A device that does not read while others of its user send must not fill the memory of the process.
MAX_BYTES: Final = 4 * 1024 * 1024


def frame_size(frame: ServerFrame) -> int:
    """About how many bytes of JSON the frame is."""
    return len(frame.model_dump_json()) if isinstance(frame, _LARGE) else _SMALL_BYTES


class ControlQueue:
    """Frames in their order. `bytes` is the sum of their sizes."""

    __slots__ = ("_frames", "bytes")

    def __init__(self) -> None:
        # A list instead of a deque: an empty deque takes 760 bytes in every idle session, and the queue is short.
        self._frames: list[tuple[ServerFrame, int]] = []
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._frames)

    def __iter__(self) -> Iterator[ServerFrame]:
        return (frame for frame, _ in self._frames)

    def append(self, frame: ServerFrame, max_frames: int) -> bool:
        """Queue `frame` after all others. Returns False if `max_frames`, or too many bytes, are queued."""
        size = frame_size(frame)
        if self._frames and (len(self._frames) >= max_frames or self.bytes + size > MAX_BYTES):
            return False
        self._frames.append((frame, size))
        self.bytes += size
        return True

    def put_first(self, frames: Iterable[ServerFrame]) -> None:
        """Queue `frames` before all others."""
        added = [(frame, frame_size(frame)) for frame in frames]
        self._frames[:0] = added
        self.bytes += sum(size for _, size in added)

    def pop(self) -> ServerFrame:
        """Take the first frame out."""
        frame, size = self._frames.pop(0)
        self.bytes -= size
        return frame

    def keep(self, frames: Iterable[ServerFrame]) -> None:
        """Remove every frame that is not among `frames`."""
        kept = {id(frame) for frame in frames}
        self._frames = [entry for entry in self._frames if id(entry[0]) in kept]
        self.bytes = sum(size for _, size in self._frames)

    def remove(self, frame: ServerFrame) -> None:
        """Remove this frame."""
        self.keep(other for other in self if other is not frame)
