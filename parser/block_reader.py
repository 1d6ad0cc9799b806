"""Reading one whole structured block: strictly first, then with repairs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from parser.blocks import (
    Block,
    BlockType,
    BoundChartBlock,
    BoundTableBlock,
    BoundTimelineBlock,
    ChartBlock,
    EntityRefBlock,
    TableBlock,
    TimelineBlock,
    TitledBoundTable,
    TitledTable,
)
from parser.coercions import coerced
from parser.events import INVALID_NUMBER, Fault, RejectReason, Repair
from parser.limits import Limits
from parser.nested_members import flattened
from parser.plain_json import plain_object
from parser.prose import beside, plain_title
from parser.repair import is_cut, repaired
from parser.vocabulary import CANONICAL, FIELDS, SIGNS, folded
from parser.yajl import DECODE_ERRORS, Decoder

_MODELS: Mapping[BlockType, type[Block]] = {
    BlockType.CHART: ChartBlock,
    BlockType.TABLE: TableBlock,
    BlockType.TIMELINE: TimelineBlock,
    BlockType.ENTITY_REF: EntityRefBlock,
}
_BOUND: Mapping[BlockType, type[Block]] = {
    BlockType.CHART: BoundChartBlock,
    BlockType.TABLE: BoundTableBlock,
    BlockType.TIMELINE: BoundTimelineBlock,
}
_PLACES: Mapping[type[Block], frozenset[str]] = {
    model: frozenset(field.alias or name for name, field in model.model_fields.items())
    for model in (*_MODELS.values(), *_BOUND.values())
}
"""The members that each model has a place for."""
_TITLED: Mapping[type[Block], type[TitledTable | TitledBoundTable]] = {
    TableBlock: TitledTable,
    BoundTableBlock: TitledBoundTable,
}
_TITLE_KEYS = ("title", "heading", "headline", "header", "label", "caption", "name")
_LONGEST_TITLE = 200
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


@dataclass(frozen=True, slots=True)
class ReadBlock:
    """A valid block, and what had to be put right."""

    block: Block
    repairs: tuple[Repair, ...] = ()
    beside: str = ""
    """The text for a person in members that the block has no place for: a note, the title of a timeline."""


def strict_block(kind: BlockType, source: str, limits: Limits) -> Block | None:
    """The block that `source` is if nothing is wrong with it; None at any doubt."""
    try:
        encoded = source.encode()
    except UnicodeEncodeError:
        return None  # an unpaired surrogate
    if (
        len(encoded) > limits.block_bytes
        or _may_have_longer(source, limits.string_chars)
        or too_deep(source, encoded, limits.depth)
        or (value := plain_object(encoded)) is None
        or _past_a_size(value, limits) is not None
    ):
        return None
    model = _MODELS[kind] if value.get("from") is None else _BOUND.get(kind, _MODELS[kind])
    if not value.keys() <= _PLACES[model] and (value.get("type") != kind or _beside(model, folded(value))):
        return None
    try:
        return model.model_validate(value)
    except ValidationError:
        return None


def _beside(model: type[Block], members: Mapping[str, Any]) -> str:
    """The text for a person in members that `model` has no place for."""
    places = _PLACES[model]
    signs = SIGNS[CANONICAL[str(members["type"])]]
    taken = {key for key, name in FIELDS.items() if name in places and name not in members}
    return beside({key: value for key, value in members.items() if key not in places | signs | taken})


def _may_have_longer(source: str, most: int) -> bool:
    """Whether more than `most` characters of `source` come without a quote between them."""
    at = 0
    while len(source) - at > most:
        quote = source.rfind('"', at, at + most + 1)
        if quote < 0:
            return True
        at = quote + 1
    return False


def read_block(
    kind: BlockType, source: str, limits: Limits, decoder: Decoder, *, budget: int, cut: bool = False
) -> ReadBlock | Fault:
    """The block of type `kind` that `source` is, from its `{` to its `}`; or why it is none.

    `budget` bounds the work of a repair; see `repaired`. `cut`: the answer ended inside the block.
    """
    if too_deep(source, source.encode(), limits.depth):
        return Fault(RejectReason.TOO_DEEP, f"The block is nested more than {limits.depth} deep.")
    fault: Fault | None
    value: Any = None
    if not cut:
        try:
            value = decoder.decode(source)
        except DECODE_ERRORS as error:
            fault = _syntax_fault(source, error)
        else:
            if value.get("type") != kind.value:
                fault = Fault(RejectReason.INVALID_FIELD, "type: not spelled as the format says.")
            elif (fault := _past_a_limit(value, source, limits)) is not None:
                return fault
            else:
                read = _validated(kind, value)
                if not isinstance(read, Fault):
                    return _with_beside(read, (), folded(value))
                fault = read
    else:
        fault = Fault(RejectReason.UNFINISHED, "The answer ended inside the block.")
    return _lenient(kind, source, value, fault, limits, budget)


def _lenient(kind: BlockType, source: str, value: Any, fault: Fault, limits: Limits, budget: int) -> ReadBlock | Fault:
    repairs: list[Repair] = []
    if not isinstance(value, dict):
        if fault.reason is RejectReason.INVALID_NUMBER or (fault.reason is RejectReason.UNFINISHED and is_cut(source)):
            return fault
        value = repaired(source, budget)
        if value is None:
            return fault
        repairs.append(Repair.CLOSERS if fault.reason is RejectReason.UNFINISHED else Repair.SYNTAX)
    if (named := folded(value)) is not value:
        value = named
        repairs.append(Repair.MEMBER_NAME)
    if (over := _past_a_limit(value, source, limits)) is not None:
        return over
    if (flat := flattened(kind, value)) is not value:
        value = flat
        repairs.append(Repair.MEMBER_NAME)
    members = coerced(kind, value, repairs)
    if (over := _past_a_limit(members, source, limits)) is not None:
        return over
    read = _validated(kind, members)
    if not isinstance(read, Fault):
        return _with_beside(read, tuple(dict.fromkeys(repairs)), {**value, "type": kind.value})
    if fault.reason in (RejectReason.INVALID_FIELD, RejectReason.UNKNOWN_CHART_TYPE):
        return read
    return fault


def _with_beside(block: Block, repairs: tuple[Repair, ...], members: Mapping[str, Any]) -> ReadBlock:
    """The block with the texts of its other members: the title of a table as its title, then all others."""
    titled = _TITLED.get(type(block))
    key = None if titled is None else next((key for key in _TITLE_KEYS if _is_title(key, members.get(key))), None)
    if titled is None or key is None:
        return ReadBlock(block, repairs, _beside(type(block), members))
    others = {name: value for name, value in members.items() if name != key}
    title = plain_title(members[key])
    whole = titled.model_validate({**block.model_dump(by_alias=True), "title": title})
    return ReadBlock(whole, repairs, _beside(type(block), others))


def _is_title(key: str, value: Any) -> bool:
    """Whether the member is for the person and short enough for a title. A longer one is shown as text."""
    return isinstance(value, str) and len(value) <= _LONGEST_TITLE and bool(beside({key: value}))


def too_deep(source: str, encoded: bytes, depth: int) -> bool:
    """Whether containers of `source` are nested more than `depth` deep, as far as its strings are closed.

    `encoded` is `source` in UTF-8.
    """
    brackets = encoded.translate(None, _NO_BRACKETS)
    if len(brackets) <= depth:
        return False
    # Three passes take off what most blocks consist of, and at most six levels.
    for _ in range(3):
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
    if len(brackets) + 6 <= depth:
        return False
    level = 0
    for bracket in _STRING.sub("", source).encode().translate(None, _NO_BRACKETS):
        level += 1 if bracket in b"[{" else -1
        if level > depth:
            return True
    return False


def _validated(kind: BlockType, members: Mapping[str, Any]) -> Block | Fault:
    model = _MODELS[kind]
    if members.get("from") is not None:
        model = _BOUND.get(kind, model)
    try:
        return model.model_validate(members)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"][:4]) or "block"
        reason = RejectReason.UNKNOWN_CHART_TYPE if first["loc"] == ("chartType",) else RejectReason.INVALID_FIELD
        return Fault(reason, f"{place}: {first['msg']}")


def _syntax_fault(source: str, error: Exception) -> Fault:
    try:
        json.loads(source)
    except json.JSONDecodeError as wrong:
        return Fault(RejectReason.INVALID_JSON, "The block is not valid JSON.", min(wrong.pos, len(source) - 1))
    except (ValueError, RecursionError):
        pass
    if isinstance(error, ArithmeticError | SystemError) or "overflow" in str(error):
        return INVALID_NUMBER
    return Fault(RejectReason.INVALID_JSON, "The block is not valid JSON.")


def _past_a_limit(value: Mapping[str, Any], source: str, limits: Limits) -> Fault | None:
    """The first limit that the block passes."""
    if (over := _past_a_size(value, limits)) is not None:
        return over
    if len(source) > limits.string_chars and _longest(value) > limits.string_chars:
        return Fault(RejectReason.STRING_TOO_LONG, f"A string has more than {limits.string_chars} characters.")
    return None


def _past_a_size(value: Mapping[str, Any], limits: Limits) -> Fault | None:
    """The first limit on a number of elements that the block passes."""
    for name in ("rows", "checkpoints", "ids", "items"):
        if isinstance(rows := value.get(name), list):
            if len(rows) > limits.rows:
                return _too_many(RejectReason.TOO_MANY_ROWS, limits.rows)
            if name == "rows" and _widest(rows, list) > limits.columns:
                return _too_many(RejectReason.TOO_MANY_COLUMNS, limits.columns)
    for name in ("headers", "config"):
        if isinstance(columns := value.get(name), list | dict) and len(columns) > limits.columns:
            return _too_many(RejectReason.TOO_MANY_COLUMNS, limits.columns)
    if isinstance(data := value.get("data"), list):
        if len(data) > limits.points:
            return _too_many(RejectReason.TOO_MANY_POINTS, limits.points)
        if _widest(data, dict) > limits.columns:
            return _too_many(RejectReason.TOO_MANY_COLUMNS, limits.columns)
    return None


def _widest(elements: Sequence[Any], kind: type[list[Any] | dict[str, Any]]) -> int:
    """The number of members of the widest element that is a `kind`."""
    if set(map(type, elements)) == {kind}:
        return max(map(len, elements))
    return max((len(element) for element in elements if isinstance(element, kind)), default=0)


def _too_many(reason: RejectReason, most: int) -> Fault:
    return Fault(reason, f"The block has more than {most} {reason.value.rpartition('_')[2]}.")


def _longest(value: Any) -> int:
    """The length of the longest string or key in `value`."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return max((max(len(key), _longest(item)) for key, item in value.items()), default=0)
    if isinstance(value, list):
        return max(map(_longest, value), default=0)
    return 0
