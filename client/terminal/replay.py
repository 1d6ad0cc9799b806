"""What is new in a replay of an answer. Pure.

After a lost connection the server sends frames that the terminal has printed already. A terminal can't print over
earlier lines, so only what is new passes.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from client.terminal.answer import AnswerFrame
from streaming.wire import (
    WsPopupDomain,
    WsRequestResult,
    WsStreamBlock,
    WsStreamEnd,
    WsStreamStart,
    WsStreamText,
    WsToolEvent,
)


class Replay:
    """The state of one answer, by block: the text or the data that has passed."""

    def __init__(self, request_id: UUID) -> None:
        self.begun = False
        self._request_id = request_id
        self._passed: dict[int, str | dict[str, Any]] = {}
        self._events: set[tuple[UUID, str]] = set()
        # The text of a block that a replay has not caught up with yet.
        self._replayed: dict[int, str] = {}

    def new(self, frame: AnswerFrame | WsRequestResult) -> list[AnswerFrame]:
        """Return the frames that show what is new in `frame`. The same frame twice gives nothing the second time."""
        begun, self.begun = self.begun, True
        match frame:
            case WsStreamStart() | WsPopupDomain():
                return [] if begun else [frame]
            case WsToolEvent():
                event = frame.call_id, frame.state
                passed = event in self._events
                self._events.add(event)
                return [] if passed else [frame]
            case WsStreamText():
                return self._text(frame)
            case WsStreamBlock():
                if self._passed.get(frame.block) == frame.data:
                    return []
                self._passed[frame.block] = frame.data
                return [frame]
            case WsStreamEnd():
                return [frame]
            case WsRequestResult():
                return [new for old in self._frames(frame, begun=begun) for new in self._again(old)]

    def _again(self, frame: AnswerFrame) -> list[AnswerFrame]:
        return [frame] if isinstance(frame, WsStreamStart | WsPopupDomain) else self.new(frame)

    def _text(self, frame: WsStreamText) -> list[AnswerFrame]:
        passed = self._passed.get(frame.block, "")
        if not isinstance(passed, str):
            passed = ""
        if frame.replace:
            text = frame.chunk
        elif frame.block in self._replayed:
            text = self._replayed[frame.block] + frame.chunk
        else:
            text = passed + frame.chunk
        if passed.startswith(text) and text != passed:
            self._replayed[frame.block] = text
            return []
        self._replayed.pop(frame.block, None)
        self._passed[frame.block] = text
        chunk = text.removeprefix(passed) if text.startswith(passed) else f"\n{text}"
        return [WsStreamText(request_id=self._request_id, block=frame.block, chunk=chunk)] if chunk else []

    def _frames(self, result: WsRequestResult, *, begun: bool) -> list[AnswerFrame]:
        """The frames of a kept answer."""
        request_id = self._request_id
        frames: list[AnswerFrame] = []
        if not begun and result.agent is not None:
            frames.append(WsStreamStart(request_id=request_id, agent=result.agent))
        if not begun and result.domain is not None:
            frames.append(WsPopupDomain(request_id=request_id, domain=result.domain))
        for block in result.blocks:
            if block.block_type == "text":
                text = block.content or ""
                frames.append(WsStreamText(request_id=request_id, block=block.block, chunk=text, replace=True))
            else:
                frames.append(
                    WsStreamBlock(
                        request_id=request_id, block=block.block, block_type=block.block_type, data=block.data or {}
                    )
                )
        if result.status != "running":
            outcome = result.model_dump(exclude={"type", "seq", "agent", "domain", "blocks"})
            frames.append(WsStreamEnd.model_validate(outcome))
        return frames
