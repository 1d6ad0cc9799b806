"""A popup answer: text only. The domain follows from the agent's name, without a model call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from uuid import UUID

from parser import BlockParser
from parser.events import Event, TextDelta
from streaming.answer.json_filter import JsonFilter
from streaming.answer.shown_blocks import ShownBlocks
from streaming.wire import Domain, StreamText, TextFrames, WsPopupDomain

DOMAINS: Mapping[str, Domain] = MappingProxyType(
    {
        "task_agent": "tasks",
        "checkpoint_agent": "checkpoints",
        "note_agent": "notes",
        "project_agent": "projects",
    }
)
"""The domain of each agent's popup."""


class NoPopupDomainError(LookupError):
    """This agent has no popup domain, so it cannot answer a popup."""

    def __init__(self, agent_name: str) -> None:
        super().__init__(f"agent {agent_name!r} has no popup domain; the agents that have are {', '.join(DOMAINS)}")


class PopupFormatter:
    """Turns the text of one answer into its frames. If the model writes blocks, only the content of
    text blocks is used. All other JSON objects and arrays are dropped, so that JSON is never shown.
    """

    def __init__(self, request_id: UUID) -> None:
        self._request_id = request_id
        self._text_frames = TextFrames(request_id)
        self._parser = BlockParser()
        self._filters: dict[int, JsonFilter] = {}
        self._first = 0  # the index of the parser's first block in this answer
        self._next = 0
        self._blocks = ShownBlocks()

    def start(self, agent_name: str) -> list[WsPopupDomain]:
        """The first frame of the answer. Raises `NoPopupDomainError`."""
        try:
            domain = DOMAINS[agent_name]
        except KeyError:
            raise NoPopupDomainError(agent_name) from None
        return [WsPopupDomain(request_id=self._request_id, domain=domain)]

    @property
    def shown(self) -> int:
        """The number of blocks that have text, so far."""
        return len(self._blocks)

    def feed(self, token: str) -> list[StreamText]:
        """The frames that `token` gives; adjacent text of one block in one frame."""
        return self._frames(self._parser.feed(token))

    def close(self) -> list[StreamText]:
        """The last frames, after the answer ended or broke off. `feed` then begins another part of the answer."""
        frames = self._frames(self._parser.close())
        frames += self._texts({index: json.close() for index, json in self._filters.items()})
        self._parser = BlockParser()
        self._filters.clear()
        self._first = self._next
        return frames

    def append(self, text: str) -> list[StreamText]:
        """The frames of a text block that the server adds after `close`."""
        index = self._next
        self._next = self._first = index + 1
        return self._texts({index: text})

    def _frames(self, events: Sequence[Event]) -> list[StreamText]:
        texts: dict[int, str] = {}
        for event in events:
            index = event.index + self._first
            self._next = max(self._next, index + 1)
            if isinstance(event, TextDelta):
                shown = self._filters.setdefault(index, JsonFilter()).feed(event.text)
                texts[index] = texts.get(index, "") + shown
        return self._texts(texts)

    def _texts(self, texts: Mapping[int, str]) -> list[StreamText]:
        for index, text in texts.items():
            self._blocks.add_text(index, text)
        return [self._text_frames.frame(index, text) for index, text in texts.items() if text]
