"""One block, from its `{` to its `}`, driven through ijson and checked against the limits as it arrives.

The content of a text block does not come this way: `BlockParser` decodes it and puts an empty string in its place.
"""

from __future__ import annotations

from decimal import Decimal
from math import isinf
from typing import Any

from parser.blocks import BlockType, ChartType
from parser.events import RejectReason
from parser.faults import INVALID_JSON, INVALID_NUMBER, Fault
from parser.json_push import PushError, open_push
from parser.limits import Limits
from parser.tracking import StringTracker

# What a block may say about itself. A member that is none of these, and an array of objects, makes a wrapper.
FIELDS = frozenset(
    (
        *("type", "content", "chartType", "title", "data", "config"),
        *("headers", "rows", "checkpoints", "entity", "ids", "items"),
    )
)
WRAPPER_KEY = "blocks"
_TYPES: dict[str, BlockType] = {member.value: member for member in BlockType}
_CHART_TYPES = frozenset(member.value for member in ChartType)
_NOT_JSON_SPACE = (b"\x0b", b"\x0c")


class Assembly:
    """Pushes source characters through ijson, builds the block's members, and says when it is done or at fault.

    Nothing may be pushed once `done`, `fault` or `wrapper` is set. Memory is bounded by `Limits.block_bytes` and the
    size of one push.
    """

    __slots__ = (
        "_candidate",
        "_closes",
        "_enclosing",
        "_events",
        "_in_map",
        "_key",
        "_limits",
        "_push",
        "_room",
        "_target",
        "_too_many",
        "depth",
        "done",
        "duplicate_keys",
        "fault",
        "members",
        "open_key",
        "source",
        "strings",
        "surplus",
        "type",
        "wrapper",
    )

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._events, self._push = open_push()
        self.strings = StringTracker(limits.string_chars)
        self.source = bytearray()  # as it was pushed, in UTF-8
        self.members: dict[str, Any] = {}
        self.type: BlockType | None = None
        self.depth = 0
        self.open_key: str | None = None  # the block's own key whose value has not begun
        self.duplicate_keys = 0
        self.done = False
        self.wrapper = ""  # the bracket that showed that this is no block but holds an array of them
        self.surplus = 0  # characters of the last push after the block's end
        self.fault: Fault | None = None
        self._closes = 0  # objects closed by the last push
        self._candidate: list[Any] | None = None  # an array that is a wrapper's if an object comes first in it
        # The innermost container, how many elements it may have, and why no more; the ones around it are on a stack.
        self._target: Any = None
        self._in_map = False
        self._room = limits.block_bytes
        self._too_many = RejectReason.TOO_LARGE
        self._key: str = ""
        self._enclosing: list[tuple[Any, bool, int, RejectReason, str]] = []

    @property
    def in_string(self) -> bool:
        """Whether the next character is inside a string."""
        return self.strings.inside

    @property
    def brackets(self) -> list[str]:
        """The closing brackets that are still to come, outermost first."""
        maps = [in_map for _, in_map, *_ in self._enclosing[1:]]
        if self.depth:
            maps.append(self._in_map)
        return ["}" if in_map else "]" for in_map in maps]

    def push(self, text: str) -> None:
        """Take the next characters. Look at `fault`, `wrapper`, `done`, `type` and `open_key` afterwards."""
        self.source += text.encode()
        was_inside = self.strings.inside
        sendable = self.strings.track(text, len(self.source))
        events = self._events
        failed: PushError | None = None
        if sendable:
            try:
                self._push(sendable)
            except PushError as error:
                failed = error
            if events:
                self._closes = 0
                self._digest()
                kind, value = events[-1]
                self.open_key = value if kind == "map_key" and self.depth == 1 else None
                events.clear()
            elif was_inside and self.strings.inside:
                self.strings.stall()
            if self.fault or self.wrapper:
                return
            if self.done:
                self._finish(self.strings.after_brace(self._closes))
                return
            if failed:
                self.fault = INVALID_NUMBER if failed.number else INVALID_JSON
                return
        if len(self.source) > self._limits.block_bytes:
            self.fault = Fault(RejectReason.TOO_LARGE, f"The block has more than {self._limits.block_bytes} bytes.")
        elif self.strings.inside and not self._is_early_content and self.strings.too_long(self.source):
            self.fault = self._string_too_long()

    @property
    def _is_early_content(self) -> bool:
        # Content that may turn out to be a text block's is bounded by the block, as it would have been passed on.
        return self.open_key == "content" and self.type is None

    def _finish(self, surplus: str) -> None:
        self.surplus = len(surplus)
        if surplus:
            del self.source[-len(surplus.encode()) :]
        if len(self.source) > self._limits.block_bytes:
            self.fault = Fault(RejectReason.TOO_LARGE, f"The block has more than {self._limits.block_bytes} bytes.")
        elif any(character in self.source for character in _NOT_JSON_SPACE):
            self.fault = INVALID_JSON  # yajl takes vertical tab and form feed for white space
        self.done = self.fault is None

    def _string_too_long(self) -> Fault:
        return Fault(RejectReason.STRING_TOO_LONG, f"A string has more than {self._limits.string_chars} characters.")

    def _digest(self) -> None:  # noqa: C901 - the one loop that runs per value: calls would double its cost
        target, in_map, key, room = self._target, self._in_map, self._key, self._room
        longest = self._limits.string_chars
        depth = self.depth
        for kind, value in self._events:
            if kind == "map_key":
                if len(value) > longest:
                    self.fault = self._string_too_long()
                    return
                key = value
                if key in target:
                    self.duplicate_keys += 1
                if depth == 1 and self._refuses_key(key):
                    return
                continue
            if kind == "string":
                if len(value) > longest and not (depth == 1 and key == "content" and self.type is None):
                    self.fault = self._string_too_long()
                    return
            elif kind == "number":
                if type(value) is Decimal:
                    value = float(value)
                    if isinf(value):
                        self.fault = INVALID_NUMBER
                        return
            elif kind == "end_array" or kind == "end_map":
                if kind == "end_map":
                    self._closes += 1
                target, in_map, room, self._too_many, key = self._enclosing.pop()
                depth -= 1
                if depth == 0:
                    self.done = True
                    break
                continue
            elif kind == "start_array" or kind == "start_map":
                is_map = kind == "start_map"
                if depth == 0:
                    child: Any = self.members
                else:
                    child = {} if is_map else []
                    if in_map:
                        target[key] = child
                    else:
                        target.append(child)
                    if len(target) > room:
                        self._refuse_count(room)
                        return
                    if (depth == 1 and self._refuses_member(key, child)) or (
                        self.type is None and self._opens_wrapper(depth, key, target, child)
                    ):
                        return
                self._enclosing.append((target, in_map, room, self._too_many, key))
                room, self._too_many = self._room_for(depth, key, is_map)
                target, in_map = child, is_map
                depth += 1
                if depth > self._limits.depth:
                    self.fault = Fault(
                        RejectReason.TOO_DEEP, f"The block is nested more than {self._limits.depth} deep."
                    )
                    return
                continue
            if in_map:
                target[key] = value
                if depth == 1 and self._refuses_member(key, value):
                    return
            else:
                target.append(value)
            if len(target) > room:
                self._refuse_count(room)
                return
        self._target, self._in_map, self._key, self._room, self.depth = target, in_map, key, room, depth

    def _room_for(self, depth: int, key: str, is_map: bool) -> tuple[int, RejectReason]:
        """How many elements a container opened at `depth` may have; `key` is the last one seen around it."""
        limits = self._limits
        if depth == 1:
            if key == "data":
                return limits.points, RejectReason.TOO_MANY_POINTS
            if key in ("headers", "config"):
                return limits.columns, RejectReason.TOO_MANY_COLUMNS
            if key in ("rows", "checkpoints", "ids", "items"):
                return limits.rows, RejectReason.TOO_MANY_ROWS
        elif depth == 2 and key == ("data" if is_map else "rows"):
            return limits.columns, RejectReason.TOO_MANY_COLUMNS
        return limits.block_bytes, RejectReason.TOO_LARGE

    def _refuse_count(self, room: int) -> None:
        noun = self._too_many.value.rpartition("_")[2]
        self.fault = Fault(self._too_many, f"The block has more than {room} {noun}.")

    def _opens_wrapper(self, depth: int, key: str, target: Any, child: Any) -> bool:
        if depth == 1 and isinstance(child, list):
            self.wrapper = "[" if key == WRAPPER_KEY else ""
            self._candidate = None if key in FIELDS else child
        elif depth == 2 and target is self._candidate and self._candidate == [{}]:
            self.wrapper = "{"
        return bool(self.wrapper)

    def _refuses_key(self, key: str) -> bool:
        if key == "type" and self.type is not None:
            self.fault = Fault(RejectReason.DUPLICATE_TYPE, "The block names its type twice.")
        elif key == "content" and self.type is BlockType.TEXT and "content" in self.members:
            self.fault = Fault(RejectReason.DUPLICATE_CONTENT, "The text block has content twice.")
        return self.fault is not None

    def _refuses_member(self, key: str, value: object) -> bool:
        if key == "type":
            self.type = _TYPES.get(value) if isinstance(value, str) else None
            if self.type is None:
                self.fault = Fault(RejectReason.UNKNOWN_TYPE, "The block's type is not one of ours.")
        elif key not in ("chartType", "content"):
            return False
        if self.type is BlockType.CHART:
            chart_type = self.members.get("chartType", "bar")
            if not isinstance(chart_type, str) or chart_type not in _CHART_TYPES:
                self.fault = Fault(RejectReason.UNKNOWN_CHART_TYPE, "The chart's chartType is not one of ours.")
        elif self.type is BlockType.TEXT and not isinstance(self.members.get("content", ""), str):
            self.fault = Fault(RejectReason.INVALID_FIELD, "content: a text block's content is a string.")
        return self.fault is not None
