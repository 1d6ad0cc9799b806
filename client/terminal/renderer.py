"""Shows answers in the terminal, frame by frame."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from typing import Final

from rich.console import Console
from rich.text import Text

from client.terminal.answer import AnswerFrame
from client.terminal.blocks import Style, block, entity_rows, fields
from client.terminal.plain_text import clean
from client.terminal.store import DeviceStore
from client.terminal.word_wrap import WordWrap
from person import ENGLISH, UTC_CALENDAR, Calendar, Sentences
from streaming.wire import (
    AnswerFinish,
    WsError,
    WsFailure,
    WsMutationRecord,
    WsPopupDomain,
    WsStreamBlock,
    WsStreamEnd,
    WsStreamStart,
    WsStreamText,
    WsToolCall,
    WsToolEvent,
)

_INCOMPLETE: Final[Collection[AnswerFinish | None]] = ("length", "content_filter", "tool_limit")

# The agents whose names the catalogues have.
_AGENTS: Final = frozenset(("task_agent", "project_agent", "note_agent", "checkpoint_agent", "general_agent"))


def error_line(error: WsFailure | WsError | None, sentences: Sentences = ENGLISH) -> str:
    """The server's sentence for the person with the code, or `message` if the server sent no such sentence."""
    if error is None:
        return sentences.say("terminal.failed")
    if error.text:
        return f"{error.text} ({error.code})"
    advice = " Try again." if error.retryable and not error.message.endswith("Try again.") else ""
    return f"{error.message} ({error.code}){advice}"


class Renderer:
    """Prints to `console`. Text appears word by word while it streams; on a terminal, lines break between words."""

    def __init__(
        self,
        console: Console,
        calendar: Callable[[], Calendar] = lambda: UTC_CALENDAR,
        clock: Callable[[], float] = time.time,
        sentences: Callable[[], Sentences] = lambda: ENGLISH,
    ) -> None:
        """`calendar` returns the person's calendar now, `clock` the seconds since the epoch.

        `sentences` returns those in the person's language now.
        """
        self.name_of: Callable[[str, str], str | None] = lambda _entity, _id: None
        """Returns the name of an item of this device, also of one that was deleted."""
        self._spoken = sentences
        self._console = console
        self._calendar = calendar
        self._clock = clock
        self._plain = not console.encoding.lower().startswith("utf")
        self._mid_line = False
        self._wrap = WordWrap(lambda: console.width)
        self._block: int | None = None
        self._doing: str | None = None

    def say(self, key: str, **values: str | int) -> str:
        """The sentence `terminal.KEY` in the person's language."""
        return self._sentences().say(f"terminal.{key}", **values)

    def decision(self, line: str) -> bool | None:
        """The answer to a question: True for yes, False for no, None if `line` is neither. English always counts."""
        word = line.strip().lower()
        for sentences in (ENGLISH, self._sentences()):
            for key, decided in (("yes", True), ("no", False)):
                if word in sentences.say(f"terminal.{key}").split():
                    return decided
        return None

    def _sentences(self) -> Sentences:
        """The person's; English if the terminal can't show other scripts."""
        return ENGLISH if self._plain else self._spoken()

    def _style(self) -> Style:
        calendar = self._calendar()
        today = calendar.day_of(int(self._clock() * 1000))
        return Style(today, self._console.width, self._plain, calendar, self._sentences())

    def frame(self, frame: AnswerFrame) -> None:
        """Show one frame of an answer."""
        match frame:
            case WsStreamStart():
                self.note(self._agent(frame.agent))
            case WsPopupDomain():
                self.note(self._agent(f"{frame.domain.removesuffix('s')}_agent"))
            case WsToolEvent():
                self._activity(frame)
            case WsStreamText():
                self._text(frame)
            case WsStreamBlock():
                self._next_block(frame.block)
                self._console.print(block(frame.block_type, frame.data, self._style()))
            case WsStreamEnd():
                self._end(frame)

    def _agent(self, name: str) -> str:
        """The name of an agent in the person's language; that of an agent of a newer server is not translated."""
        return self.say(f"agent_{name}") if name in _AGENTS else name.replace("_", " ")

    def note(self, text: str) -> None:
        """Show a note in dim text."""
        self._fresh_line()
        self._console.print(Text(self._printable(text), style="dim"))

    def error(self, text: str) -> None:
        """Show an error."""
        self._fresh_line()
        self._console.print(Text(self._printable(text), style="bold red"))

    def approval(self, call: WsToolCall, name: str | None) -> str:
        """Show a call that needs approval, with the `name` of its item. Returns the question to ask."""
        self._fresh_line()
        verb, _, entity = clean(call.tool).partition("_")
        item_id = call.args.get("id")
        item = f'"{clean(name)}"' if name else f"the {entity} {clean(item_id)}" if item_id else f"a {entity}"
        given = {key: value for key, value in call.args.items() if key not in {"id", "data"}}
        data = call.args.get("data")
        rest = fields({**given, **(data if isinstance(data, Mapping) else {})}, self._style())
        sentences = self._sentences()
        note = sentences.say("terminal.irreversible") if verb == "delete" else rest
        if not name and not item_id:
            item = sentences.find(f"terminal.{entity}") or entity
            item = f"a {item}" if sentences == ENGLISH else item
        key = f"terminal.{verb}"
        question = sentences.say(key, item=item) if sentences.find(key) else f"{verb.capitalize()} {item}?"
        self._console.print(Text(f"{question} {note}".rstrip(), style="yellow"))
        choice = sentences.say("terminal.choice")
        return f"{verb.capitalize()}? {choice} " if sentences == ENGLISH else f"{choice} "

    def left_open(self) -> None:
        """Record that the cursor is in the middle of a line, so that the next output starts a new one."""
        self._mid_line = True

    def items(self, entity: str, store: DeviceStore) -> None:
        """Show the device's items of one entity."""
        self._fresh_line()
        found, _ = store.list(entity)
        self._console.print(entity_rows(entity, found, self._style()))

    def _activity(self, event: WsToolEvent) -> None:
        """Say what the answer does on the device, once per kind of call. Questions and failures are shown elsewhere."""
        if event.state != "started":
            return
        verb, _, entity = event.tool.partition("_")
        key = f"reading_{entity.removesuffix('s')}" if verb in {"list", "get"} else "working"
        if self._sentences().find(f"terminal.{key}") is None:
            key = "working"
        if key != self._doing:
            self._doing = key
            self.note(self.say(key))

    def _text(self, frame: WsStreamText) -> None:
        self._next_block(frame.block)
        chunk = self._printable(frame.chunk)
        if self._console.is_terminal:
            chunk = self._wrap.feed(chunk)
        else:
            self._mid_line = not chunk.endswith("\n") if chunk else self._mid_line
        self._put(chunk)

    def _printable(self, text: str) -> str:
        """The text without control characters, in the encoding of the terminal."""
        text = clean(text)
        if not self._plain:
            return text
        return text.replace("…", "...").encode(self._console.encoding, "replace").decode(self._console.encoding)

    def _put(self, text: str) -> None:
        self._console.out(text, end="", highlight=False)
        self._console.file.flush()

    def _next_block(self, index: int) -> None:
        if index != self._block:
            self._fresh_line()
            self._block = index

    def _end(self, frame: WsStreamEnd) -> None:
        self._fresh_line()
        self._block = self._doing = None
        for mutation in frame.mutations:
            self.note(self._change(mutation))
        if frame.status == "cancelled":
            self.note(self._sentences().say("terminal.stopped"))
        elif frame.status == "completed" and frame.finish in _INCOMPLETE:
            self.note(self._sentences().say(f"terminal.{frame.finish}"))
        elif frame.status == "failed":
            self.error(error_line(frame.error, self._sentences()))

    def _fresh_line(self) -> None:
        if self._wrap.is_mid_line:
            self._put(self._wrap.flush())
            self._mid_line = True
        self._wrap.end_line()
        if self._mid_line:
            self._console.out("")
            self._mid_line = False

    def _change(self, mutation: WsMutationRecord) -> str:
        data = mutation.data or {}
        name = data.get("title") or data.get("name") or self.name_of(mutation.entity, mutation.id) or mutation.id
        return self.say(f"did_{mutation.op}", entity=self.say(mutation.entity), name=str(name))
