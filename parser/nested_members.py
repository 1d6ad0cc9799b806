"""Members that a model wrote one object too deep: `{"type": "table", "data": {"headers": ...}}`, `{"table": {...}}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from parser.blocks import BlockType
from parser.vocabulary import FIELDS, METADATA_KEYS, TEXT_KEYS, UNTYPED, block_type, chart_type, folded

_NEEDED: Mapping[BlockType, frozenset[str]] = {
    BlockType.CHART: frozenset(("data",)),
    BlockType.TABLE: frozenset(("headers", "rows")),
    BlockType.TIMELINE: frozenset(("checkpoints",)),
    BlockType.ENTITY_REF: frozenset(("entity", "ids")),
}
"""The members without which an object holds no data of a block."""


def flattened(kind: BlockType, members: Mapping[str, Any]) -> Mapping[str, Any]:
    """The members of a block, with those of the one object that holds its data. Unchanged if there is any doubt."""
    if kind not in _NEEDED or _holds(kind, members):
        return members
    found = [key for key, inner in members.items() if isinstance(inner, dict) and _holds(kind, folded(inner))]
    if len(found) != 1:
        return members
    (key,) = found
    inner = dict(folded(members[key]))
    inner_type = inner.pop("type", None)
    outer = {name: value for name, value in members.items() if name != key}
    if any(name in outer and outer[name] != value for name, value in inner.items()):
        return members
    made = outer | inner
    if kind is BlockType.CHART and "chartType" not in made:
        made |= next(
            ({"chartType": name} for name in (inner_type, key) if isinstance(name, str) and chart_type(name)), {}
        )
    return made


def named_block(members: Mapping[str, Any]) -> BlockType | None:
    """The block that an object without a type holds under the name of its type: `{"chart": {"chartType": ...}}`."""
    found = [(key, inner) for key, inner in members.items() if isinstance(inner, dict)]
    if len(found) != 1 or not members.keys() - {found[0][0]} <= METADATA_KEYS | TEXT_KEYS:
        return None
    key, inner = found[0]
    meant = block_type(key)
    if meant is None or meant[0] is BlockType.TEXT:
        return None
    kind = meant[0]
    named = folded(inner)
    needed = UNTYPED.get(kind, _NEEDED[kind])
    if kind is BlockType.CHART and chart_type(key) is not None:
        needed = _NEEDED[kind]
    return kind if needed <= named.keys() and _holds(kind, named) else None


def _holds(kind: BlockType, members: Mapping[str, Any]) -> bool:
    """Whether the data of a block is among the members, by any of its names."""
    if members.get("from") is not None or (kind is BlockType.ENTITY_REF and "entity" in members):
        return True
    names = {FIELDS.get(key, key) for key, value in members.items() if not isinstance(value, dict)}
    return bool(_NEEDED[kind] & names) or (kind is BlockType.TABLE and isinstance(members.get("data"), list))
