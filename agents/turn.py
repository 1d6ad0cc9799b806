"""One request as the agents see it: its input, and the results collected while answering."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from agents.device import DeviceExecutor
from agents.handles import Handles
from agents.shapes import Shape
from agents.tool_results import ToolResults
from agents.tool_use import ToolUse
from person import UNSTATED, Calendar, Locale
from streaming.chat import Message, Usage
from streaming.model import TakeText
from streaming.wire import AnswerFinish, WsMutationRecord

Need = Literal["none", "read", "change"]
"""What a request needs of the device: nothing, items, or a change."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a popup was opened on. `item` is the data on the device; if it could not be read, `unread` says why."""

    type: Literal["task", "project", "note", "checkpoint"]
    id: str | None = None
    item: Mapping[str, Any] | None = None
    unread: str | None = None


@dataclass(frozen=True, slots=True)
class EarlierTurns:
    """What the server knows of the conversation in addition to `Turn.history`, oldest first.

    `summaries`: of exchanges that are older than the history, as JSON data. `facts`: what the answers showed and
    changed, as JSON data. In both, `sent` is when the person sent the message, in epoch milliseconds. `sent_ms`: the
    same for each message of the person in the history; empty if that is not known. `omitted`: even older exchanges are
    left out. `unread`: the conversation could not be read.
    """

    summaries: Sequence[Any] = ()
    facts: Sequence[Any] = ()
    sent_ms: Sequence[int] = ()
    omitted: bool = False
    unread: bool = False


@dataclass(slots=True)
class Turn:
    """A request in progress. The fields from `tool_results` on are filled while it is answered.

    `conversation` is what the model was sent and what it answered, set when the answer has ended; of the answer it has
    the last `AgentLimits.repair_chars` characters. `reasoning_blocks` counts the blocks that show its reasoning.
    `finish` is None until the model's answer has ended. `need` is None until it is decided. `unchanged` means that
    the request was for a change or the answer claims one, that nothing was changed, and that the answer may say it was.
    `unread`: the request needs items, the answer says something about them, and none was looked at.
    `partly`: some changes were made, some failed, and the answer claims all.
    `locale` is the person's; it is final when memory was recalled.
    `take_text`: gets text of the answer directly, when it can be shown as it comes; the stream then leaves it out.
    """

    message: str
    mode: Literal["home", "popup"]
    device: DeviceExecutor
    history: Sequence[Message] = ()
    scope: Scope | None = None
    memory: Mapping[str, Any] = field(default_factory=dict)
    earlier: EarlierTurns = field(default_factory=EarlierTurns)
    now_ms: int = 0
    locale: Locale = UNSTATED
    tool_results: ToolResults = field(default_factory=ToolResults)
    handles: Handles = field(default_factory=Handles)
    mutations: list[WsMutationRecord] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    routed_by: Literal["scope", "classifier", "model", "keywords", "tool"] | None = None
    agent_name: str | None = None
    shape: Shape = "hosted"
    from_model: int = 0
    conversation: Sequence[Message] = ()
    reasoning_blocks: int = 0
    tool_use: ToolUse = field(default_factory=ToolUse)
    finish: AnswerFinish | None = None
    need: Need | None = None
    unchanged: bool = False
    unread: bool = False
    partly: bool = False
    take_text: TakeText | None = None

    @property
    def calendar(self) -> Calendar:
        """The person's calendar."""
        return self.locale.calendar
