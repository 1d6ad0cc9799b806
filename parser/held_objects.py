"""Processing of held objects: when they are complete, when they are too large, and when the answer ends in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from parser.block_reader import ReadBlock, read_block, too_deep
from parser.blocks import BlockType
from parser.events import BlockOpened, BlockReady, BlockRejected, Event, Fault, RejectReason, TextDelta
from parser.heads import BLOCK_START, FENCE, SIGNED_START, words_of_fence
from parser.layouts import is_layout
from parser.limits import Limits
from parser.object_scanner import ObjectScanner
from parser.prose import as_written, members_before, prose
from parser.repair import MOST_WORK, repaired, work
from parser.states import TRANSITIONS, FastPath, Signal, State
from parser.strings import TextReader
from parser.structure import Structure
from parser.surrogates import SurrogateMender
from parser.vocabulary import folded
from parser.wrappers import ends_in_null, lone_text, loses_text, texts, texts_above, untyped
from parser.yajl import DECODE_ERRORS, Decoder

EXCERPT = 80
"""Characters of an excerpt."""
_SYNTAX = (RejectReason.INVALID_JSON, RejectReason.UNFINISHED)
_DEEPEST_ANSWER = 4  # answers written as a string inside an answer
_CLOSERS = {"{": "}", "[": "]"}
_BRACKET = re.compile(r"[\[\]{}]")
_TAIL_END = re.compile(r'"?[ \t\r\n]*[}\]][}\] \t\r\n]*\Z')
# What may complete the members that the answer's end cut.
_ENDINGS = ("}", '"}', "null}", ":null}", '":null}', '"a":null}')


class HeldObjects(FastPath):
    """The state of the parser, and its processing of complete objects."""

    __slots__ = (
        *("_base", "_began", "_carry", "_decoder", "_events", "_fence", "_held", "_in_prose", "_index", "_kind"),
        *("_last", "_layers", "_lead", "_limits", "_mender", "_nested", "_object_at", "_origin", "_reader", "_scanner"),
        *("_size", "_stalled", "_state", "_structure", "_text", "_text_index", "repair_work", "work"),
    )

    def __init__(self, limits: Limits) -> None:
        super().__init__()
        self._limits = limits
        self._state = State.START
        self._events: list[Event] = []
        self._index = -1  # of the newest block
        self._text_index = -1  # of the newest text block, without prose
        self._mender = SurrogateMender()
        # The text in hand, the offset of its first character, and what of it waits for more.
        self._text = ""
        self._base = 0
        self._carry = ""
        self._last = False
        self._stalled = False
        # Between blocks.
        self._in_prose = False  # whether the newest block is open prose
        self._fence = ""  # what closes the code fence that is open; empty if none is
        self._layers: list[str] = []  # brackets around the next block; "T" is the object of a text block
        # In an object.
        self._scanner = ObjectScanner()
        self._held: list[str] = []
        self._size = 0  # characters of it
        self._object_at = -1  # where it begins in the text in hand; -1 if before it
        self._lead = ""  # what stood before it: a fence, brackets
        self._origin = State.START  # where it was found
        self._nested = 0
        # In a block.
        self._kind = BlockType.TEXT
        self._reader = TextReader('"', limits.lookahead_chars, in_array=False)
        self._structure: Structure | None = None  # not before the table looks at the block
        self._began = 0  # the offset of the structured block
        self._decoder = Decoder()
        self.repair_work = 0  # of `MOST_WORK`
        self.work = 0
        """Characters scanned and steps taken. Must grow in proportion to the input."""

    # ---- parts ------------------------------------------------------------------------------------------------------

    def _go(self, signal: Signal) -> None:
        self._state = TRANSITIONS[self._state][signal]

    def _may_wait(self, start: int) -> bool:
        return not self._last and len(self._text) - start < self._limits.lookahead_chars

    def _stall(self, position: int) -> int:
        """Wait for more text: the meaning of the text from `position` is not certain yet."""
        self._stalled = True
        return position

    def _give_back(self, start: int, end: int) -> int:
        """Show text that did not become a block: as prose, or as code if it begins with a fence."""
        if fence := FENCE.match(self._text, start, end):
            self._fence = fence.group()
            self._go(Signal.FENCE)
        elif self._state is not State.PROSE:
            self._go(Signal.WORDS)
        self._write_prose(self._text[start:end])
        return end

    def _write_prose(self, text: str) -> None:
        if not text:
            return
        if not self._in_prose:
            self._open(BlockType.TEXT)
            self._in_prose = True
        self._events.append(TextDelta(self._index, text))

    def _open(self, kind: BlockType) -> None:
        self._in_prose = False
        self._index += 1
        self._events.append(BlockOpened(self._index, kind))

    def _enter(self, lead: str) -> None:
        """A block begins. `lead` is the text before its brace: a fence and brackets."""
        if fence := FENCE.match(lead):
            self._write_prose(words_of_fence(lead))
            self._fence = fence.group()
            lead = lead[len(lead.rstrip("[ \t\r\n")) :]
        self._layers += ["["] * lead.count("[")
        del self._layers[:-64]

    def _run_piece(self, piece: str, base: int) -> None:
        raise NotImplementedError

    def _decoded(self, source: str) -> dict[str, Any] | None:
        """The object that `source` is; None if it is not valid JSON, or nested too deeply."""
        if too_deep(source, source.encode(), self._limits.depth):
            return None
        try:
            return self._decoder.decode(source)
        except DECODE_ERRORS:
            return None

    # ---- structured blocks ------------------------------------------------------------------------------------------

    def _in_structure(self, position: int) -> int:
        structure = self._structure
        if structure is None:
            structure = self._structure = Structure(raw=False)
        at, done = structure.take(self._text, position, last=self._last)
        self.work += at - position
        if self._state is State.SKIP:
            structure.parts.clear()
        elif structure.bytes > self._limits.block_bytes:
            self._refuse_size("".join(structure.parts))
            structure.parts.clear()
            self._go(Signal.TOO_LARGE)
        elif done:
            self._go(Signal.BLOCK_END)
            self._finish("".join(structure.parts), cut=False)
            return at
        if done:
            self._go(Signal.BLOCK_END)
        elif at < len(self._text):
            return self._stall(at)
        return at

    def _refuse_size(self, source: str) -> None:
        most = self._limits.block_bytes
        at = len(source.encode()[:most].decode(errors="ignore"))  # the first character past the limit
        self._reject(Fault(RejectReason.TOO_LARGE, f"The block has more than {most} bytes.", at), source[: at + 1])

    def _finish(self, source: str, *, cut: bool) -> None:
        """The structured block has ended. `cut`: the answer ended in it."""
        index = self._index
        found = self._structure.starts if self._structure is not None else ()
        starts = [start for start in found if SIGNED_START.match(source, start)]
        if starts and (cut or self._decoded(source) is None):
            # The block never closed, and the next ones stand inside it.
            self._conclude(index, source[: starts[0]].rstrip(", \t\r\n"), cut=False)
            self._read_pieces(source, starts, self._began)
        else:
            self._conclude(index, source, cut=cut)

    def _conclude(self, index: int, source: str, *, cut: bool) -> None:
        read = self._read(self._kind, source, cut=cut)
        if isinstance(read, ReadBlock):
            self._ready(index, read)
        else:
            self._reject(read, source)

    def _ready(self, index: int, read: ReadBlock) -> None:
        self._events.append(BlockReady(index, read.block, read.repairs))
        if read.beside:
            self._open(BlockType.TEXT)
            self._events.append(TextDelta(self._index, read.beside))

    def _read(self, kind: BlockType, source: str, *, cut: bool = False) -> ReadBlock | Fault:
        read = read_block(kind, source, self._limits, self._decoder, budget=MOST_WORK - self.repair_work, cut=cut)
        if isinstance(read, Fault) or read.repairs:
            self._spend(source)
        return read

    def _spend(self, source: str) -> None:
        cost = work(source)
        if self.repair_work + cost <= MOST_WORK:
            self.repair_work += cost

    def _reject(self, fault: Fault, source: str) -> None:
        # The character at which the fault was seen; for an unfinished block, the one that never came.
        at = fault.at if fault.at is not None else len(source) - (fault.reason is not RejectReason.UNFINISHED)
        excerpt = source[: at + 1][-EXCERPT:]
        self._events.append(BlockRejected(self._index, fault.reason, self._began + at, excerpt, fault.detail, source))

    def _read_pieces(self, source: str, starts: Sequence[int], base: int) -> None:
        """Read the source from each of `starts` to the next one as a separate block. Each piece is read once."""
        for start, end in zip(starts, [*starts[1:], len(source)], strict=True):
            self._run_piece(source[start:end], base + start)

    # ---- objects without a block's type -----------------------------------------------------------------------------

    def _rewind(self, at: int) -> int:
        """The position of the object's first character. Puts earlier text of it back into the text in hand."""
        if self._object_at < 0:
            source = "".join(self._held)
            self._base += at - len(source)
            self._text = source + self._text[at:]
            self._object_at = 0
        return self._object_at

    def _object_too_large(self, at: int) -> int:
        self._write_foreign("".join(self._held))
        return at

    def _write_foreign(self, source: str) -> None:
        if fence := FENCE.match(self._lead):
            self._fence = fence.group()
        self._go(Signal.FOREIGN_IN_FENCE if fence else Signal.FOREIGN)
        self._write_prose(self._lead + source)

    def _object_ends(self, at: int) -> int:
        source = "".join(self._held)
        self._began = self._base + at - len(source)
        if not self._shows(source, self._decoded(source)):
            self._write_foreign(source)
        elif self._state is State.OBJECT:
            self._go(Signal.BLOCK_END)
        return at

    def _object_cut(self) -> None:
        source = "".join(self._held)
        self._began = self._base + len(self._text) - len(source)
        if not self._shows(source, None):
            self._write_foreign(source)

    def _shows(self, source: str, value: Any) -> bool:
        """Show the block or the texts of an object. False if it has none. `value`: None if it is not valid JSON."""
        mended: dict[str, Any] | None = None
        if value is None:
            starts = [start.start() for start in BLOCK_START.finditer(source, 1)]
            if starts:
                self._write_foreign(source[: starts[0]])
                self._read_pieces(source, starts, self._began)
                return True
            value = lone_text(source)
            if value is None:
                value = mended = repaired(source, MOST_WORK - self.repair_work)
                self._spend(source)
        if not isinstance(value, dict):
            return False
        value = folded(value)
        kind = self._scanner.type
        if kind is None and self._origin is State.PROSE and not is_layout(value):
            return False
        block = untyped(value) if kind is None else None if kind is BlockType.TEXT or is_layout(value) else kind
        if block is not None:
            read = self._read(block, source)
            if isinstance(read, ReadBlock):
                self._enter(self._lead)
                self._open(block)
                self._ready(self._index, read)
                return True
            return False
        found = texts(value, kind, source, in_prose=self._origin is State.PROSE)
        if found is None or (not found and self._origin is State.PROSE):
            return False
        if mended is not None and loses_text(mended, found, source):
            return False
        self._enter(self._lead)
        if not found and kind is BlockType.TEXT:
            self._open(BlockType.TEXT)
        self._show_texts(found)
        return True

    def _show_texts(self, found: Iterable[str]) -> None:
        for text in found:
            if text.lstrip()[:1] in ("[", "{") and '"type"' in text and self._nested < _DEEPEST_ANSWER:
                self._nested += 1
                state = self._state
                self._run_piece(text, self._base)
                self._state = state
                self._nested -= 1
                self._in_prose = False
            else:
                self._open(BlockType.TEXT)
                if text:
                    self._events.append(TextDelta(self._index, text))

    def _text_before(self) -> str:
        """The text of the members that stand before the content of a text block, with white space after it."""
        source = "".join(self._held)
        whole = source + self._scanner.quote + "}"
        members = as_written(whole)
        if members is None:
            members = repaired(whole, MOST_WORK - self.repair_work)
            self._spend(source)
            if members is None or loses_text(members, [members_before(members)], whole):
                return f"{source}\n\n"
        if not isinstance(members, dict):
            return ""
        text = members_before(folded(members))
        return f"{text}\n\n" if text else ""

    def _inner_begins(self, prefix: str) -> None:
        """A block begins inside the object. The object is a wrapper, of which only texts for the person are shown."""
        path = self._scanner.path
        in_tail = self._state is State.TAIL
        of_text = in_tail and self._layers[-1:] == ["T"]
        source = prefix + "null" + "".join(_CLOSERS[bracket] for bracket in reversed(path))
        source = "{" + source if in_tail else source
        value: Any = self._decoded(source)
        found = list(texts_above(value))
        if value is None and not of_text:
            value = repaired(source, MOST_WORK - self.repair_work)
            self._spend(source)
            found = list(texts_above(value))
            if value is not None and (not ends_in_null(value) or loses_text(value, found, source)):
                value, found = None, []
        if value is None and of_text:
            self._go_on('"' + self._lead + prefix)
        elif value is None:
            self._write_prose(self._lead + prefix)
        if not in_tail:
            self._enter(self._lead)
        self._layers += path[1:] if in_tail else path
        self._go(Signal.INNER)
        self._show_texts(found)

    def _go_on(self, text: str) -> None:
        """Add text that seemed to be the end of the newest text block. If another block came since, it is prose."""
        if self._index == self._text_index:
            self._events.append(TextDelta(self._index, text))
        else:
            self._write_prose(text)

    def _tail_ends(self, *, cut: bool) -> None:
        """The members after a text or a wrapped block have ended. Texts for the person among them are shown."""
        source = "".join(self._held)
        of_text = bool(self._layers) and self._layers[-1] == "T"
        value = self._decoded("{" + source)
        whole = "{" + source
        for ending in _ENDINGS if cut and value is None else ():
            if not value:
                whole = "{" + source.rstrip(", \t\r\n") + ending
                value = self._decoded(whole)
                if value and any(_BRACKET.search(key) for key in value):
                    value = None  # the cut key is text
        if value is None and not of_text:
            value = repaired("{" + source, MOST_WORK - self.repair_work)
            self._spend("{" + source)
        if isinstance(value, dict):
            written = as_written(whole)
            members = written if isinstance(written, dict) else value
            self._show_texts(prose(members, of_text=of_text))
        elif of_text:
            # The quote before these characters did not close the text: they belong to it.
            self._go_on('"' + self._lead + _TAIL_END.sub("", source))
        else:
            self._write_prose(source)

    # ---- the end ----------------------------------------------------------------------------------------------------

    def _end_open(self) -> None:
        """The answer, or a piece of it, has ended. Process the object or block that is still held."""
        if self._state is State.OBJECT:
            self._object_cut()
        elif self._state is State.TAIL:
            self._tail_ends(cut=True)
        elif self._state is State.STRUCTURE:
            source = "".join(self._structure.parts) if self._structure is not None else ""
            self._state = State.AFTER
            self._finish(source, cut=True)
