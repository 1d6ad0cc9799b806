"""One block, from its `{` to its `}`, driven through ijson and checked against the limits as it arrives.

The content of a text block does not come this way: `BlockParser` decodes it and puts an empty string in its place.
"""

from __future__ import annotations

from decimal import Decimal
from math import isinf
from typing import Any

from parser.blocks import BlockType, ChartType
from parser.events import INVALID_JSON, INVALID_NUMBER, Fault, RejectReason
from parser.limits import COLUMNS, FIELDS, ROWS, WRAPPER_KEY, Limits
from parser.string_splitter import StringSplitter
from parser.yajl import PUSH_ERRORS, JsonEvents, discard_broken_event, open_push

_TYPES: dict[str, BlockType] = {member.value: member for member in BlockType}
_TEXT, _CHART = BlockType.TEXT, BlockType.CHART
_CHART_TYPES = frozenset(member.value for member in ChartType)


class BlockBuilder:
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
        "_most_bytes",
        "_push",
        "_room",
        "_target",
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
        self._events = JsonEvents()
        self._push = open_push(self._events)
        self.strings = StringSplitter(limits.string_chars)
        self.source = self.strings.source  # as it was pushed, in UTF-8
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
        # The innermost container, the last key in it, and how many elements it may have; those around are on a stack.
        self._target: Any = None
        self._in_map = False
        self._most_bytes = self._room = limits.block_bytes
        self._key: str = ""
        self._enclosing: list[tuple[Any, bool, str, int]] = []

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
        strings = self.strings
        was_inside = strings.inside
        sendable = strings.track(text)
        if sendable:
            failed: Fault | None = None
            try:
                self._push(sendable)
            except PUSH_ERRORS as error:
                failed = INVALID_NUMBER if discard_broken_event(error, self._events) else INVALID_JSON
            if self._events:
                if self._digest():
                    return
                if self.done:
                    self._finish(strings.after_brace(self._closes))
                    return
            elif was_inside and strings.inside:
                strings.stall()
            if failed is not None:
                self.fault = failed
                return
        size = len(self.source)
        if size > self._most_bytes:
            self.fault = self._too_large()
        elif strings.inside and size > strings.look_at and strings.too_long() and not self._is_early_content:
            self.fault = self._string_too_long()

    @property
    def _is_early_content(self) -> bool:
        # Content that may turn out to be a text block's is bounded by the block, as it would have been passed on.
        return self.open_key is not None and self._is_early_content_of(self.open_key)

    def _is_early_content_of(self, key: str) -> bool:
        return key == "content" and self.type is None

    def _finish(self, surplus: str) -> None:
        self.surplus = len(surplus)
        if surplus:
            del self.source[-len(surplus.encode()) :]
        if len(self.source) > self._limits.block_bytes:
            self.fault = self._too_large()
        elif b"\x0b" in self.source or b"\x0c" in self.source:
            self.fault = INVALID_JSON  # yajl takes vertical tab and form feed for white space
        self.done = self.fault is None

    def _too_large(self) -> Fault:
        return Fault(RejectReason.TOO_LARGE, f"The block has more than {self._limits.block_bytes} bytes.")

    def _string_too_long(self) -> Fault:
        return Fault(RejectReason.STRING_TOO_LONG, f"A string has more than {self._limits.string_chars} characters.")

    def _digest(self) -> bool:  # noqa: C901 - the one loop that runs per value: calls would double its cost
        """Build what the events say; returns whether that is the end of it, as `fault` or `wrapper` says."""
        events = self._events
        target, in_map, key, depth, room = self._target, self._in_map, self._key, self.depth, self._room
        longest = self._limits.string_chars
        # Only a source longer than the limit can hold a string that is.
        look = len(self.source) > longest
        closes = 0
        for kind, value in events:
            if kind == "map_key":
                key = value
                if look and len(key) > longest:
                    self.fault = self._string_too_long()
                    return True
                if key in target:
                    self.duplicate_keys += 1
                if depth == 1 and self._refuses_key(key):
                    return True
                continue
            if kind == "string":
                if look and len(value) > longest and not (depth == 1 and self._is_early_content_of(key)):
                    self.fault = self._string_too_long()
                    return True
            elif kind == "number":
                if type(value) is Decimal:
                    value = float(value)
                    if isinf(value):
                        self.fault = INVALID_NUMBER
                        return True
            elif kind == "end_map" or kind == "end_array":
                if len(target) > room:
                    break
                if kind == "end_map":
                    closes += 1
                target, in_map, key, room = self._enclosing.pop()
                depth -= 1
                if depth == 0:
                    self.done = True
                    break
                continue
            elif kind == "start_map" or kind == "start_array":
                is_map = kind == "start_map"
                child: Any = {} if is_map else []
                if depth > 1:
                    if in_map:
                        target[key] = child
                    else:
                        target.append(child)
                    if len(target) > room:
                        break
                    if self.type is None and self._opens_wrapper(target):
                        return True
                elif depth:
                    target[key] = child
                    if self._refuses_member(key) or (self.type is None and not is_map and self._may_wrap(key, child)):
                        return True
                else:
                    child = self.members
                self._enclosing.append((target, in_map, key, room))
                target, in_map = child, is_map
                depth += 1
                room = self._room_for(depth, key, is_map)
                if depth > self._limits.depth:
                    self.fault = Fault(
                        RejectReason.TOO_DEEP, f"The block is nested more than {self._limits.depth} deep."
                    )
                    return True
                continue
            if in_map:
                target[key] = value
                if depth == 1 and self._refuses_member(key):
                    return True
            else:
                target.append(value)
        # Scalars are counted when their container closes, or here: the excess is bounded by one push.
        if not self.done and len(target) > room:
            self._refuse_count(depth, room)
            return True
        self._target, self._in_map, self._key, self.depth, self._room = target, in_map, key, depth, room
        self._closes = closes
        self.open_key = key if depth == 1 and events[-1][0] == "map_key" else None
        events.clear()
        return False

    def _room_for(self, depth: int, key: str, is_map: bool) -> int:
        """How many elements a container at `depth` may have, that was opened as or in the block's member `key`."""
        limits = self._limits
        if depth == 2:
            if key == "data":
                return limits.points
            if key in COLUMNS:
                return limits.columns
            if key in ROWS:
                return limits.rows
        elif depth == 3 and (key == "data" if is_map else key == "rows"):
            return limits.columns
        return limits.block_bytes

    def _refuse_count(self, depth: int, room: int) -> None:
        """The innermost container, at `depth`, has more than `room` elements."""
        key = self._enclosing[-1][2]
        reason = RejectReason.TOO_LARGE
        if depth == 3 or key in COLUMNS:
            reason = RejectReason.TOO_MANY_COLUMNS
        elif depth == 2:
            reason = RejectReason.TOO_MANY_POINTS if key == "data" else RejectReason.TOO_MANY_ROWS
        self.fault = Fault(reason, f"The block has more than {room} {reason.value.rpartition('_')[2]}.")

    def _may_wrap(self, key: str, array: list[Any]) -> bool:
        if key == WRAPPER_KEY:
            self.wrapper = "["
        self._candidate = None if key in FIELDS else array
        return bool(self.wrapper)

    def _opens_wrapper(self, array: Any) -> bool:
        if array is self._candidate and array == [{}]:
            self.wrapper = "{"
        return bool(self.wrapper)

    def _refuses_key(self, key: str) -> bool:
        if key == "type" and self.type is not None:
            self.fault = Fault(RejectReason.DUPLICATE_TYPE, "The block names its type twice.")
        elif key == "content" and self.type is _TEXT and "content" in self.members:
            self.fault = Fault(RejectReason.DUPLICATE_CONTENT, "The text block has content twice.")
        return self.fault is not None

    def _refuses_member(self, key: str) -> bool:
        if key == "type":
            value = self.members[key]
            self.type = _TYPES.get(value) if isinstance(value, str) else None
            if self.type is None:
                self.fault = Fault(RejectReason.UNKNOWN_TYPE, "The block's type is not one of ours.")
        elif key not in ("chartType", "content"):
            return False
        if self.type is _CHART:
            chart_type = self.members.get("chartType", "bar")
            if not isinstance(chart_type, str) or chart_type not in _CHART_TYPES:
                self.fault = Fault(RejectReason.UNKNOWN_CHART_TYPE, "The chart's chartType is not one of ours.")
        elif self.type is _TEXT and not isinstance(self.members.get("content", ""), str):
            self.fault = Fault(RejectReason.INVALID_FIELD, "content: a text block's content is a string.")
        return self.fault is not None
