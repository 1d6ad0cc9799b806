"""Synonyms that models use for block types and members, and the words of wrappers and fences.

All tables of words are here. `docs/parser.md` describes them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeVar

from parser.blocks import BlockType, ChartType

_T, _C = BlockType, ChartType
_V = TypeVar("_V")


def _table(words: Mapping[_V, str]) -> Mapping[str, _V]:
    return MappingProxyType({word: value for value, line in words.items() for word in line.split()})


CANONICAL: Mapping[str, BlockType] = MappingProxyType({member.value: member for member in BlockType})
"""The names in the prompt. A synonym is only accepted together with a member of its block."""

TYPE_SYNONYMS = _table(
    {
        _T.TEXT: "markdown md paragraph p heading header h1 h2 h3 h4 subtitle list bullet_list bulleted_list bullets "
        "numbered_list ordered_list unordered_list checklist check_list todo_list task_list code code_block plain "
        "plaintext plain_text text_block textblock rich_text richtext string quote blockquote callout message answer "
        "response output_text summary section",
        _T.CHART: "bar_chart barchart bar column column_chart columnchart line_chart linechart line area_chart "
        "areachart area pie_chart piechart pie donut doughnut donut_chart doughnut_chart radar_chart radarchart radar "
        "spider spider_chart radial_chart radialchart radial graph plot chart_block",
        _T.TABLE: "grid data_table datatable table_block spreadsheet",
        _T.TIMELINE: "gantt gantt_chart roadmap milestones schedule timeline_block",
        _T.ENTITY_REF: "entityref entity_reference entityreference ref reference entity entities card cards",
    }
)

CHART_TYPES = _table(
    {
        _C.BAR: "bar bars bar_chart barchart column columns column_chart columnchart histogram stacked_bar "
        "horizontal_bar",
        _C.LINE: "line lines line_chart linechart spline",
        _C.AREA: "area area_chart areachart stacked_area",
        _C.PIE: "pie pie_chart piechart donut doughnut donut_chart doughnut_chart",
        _C.RADAR: "radar radar_chart radarchart spider spider_chart",
        _C.RADIAL: "radial radial_chart radialchart radial_bar radialbar gauge",
    }
)

CONTENT_KEYS = ("content", "text", "value", "markdown", "body", "code", "message")
"""The members that hold a text block's text."""

LIST_KEYS = ("items", "list", "lines", "points", "bullets")
"""The members that hold a text block's text as an array of lines."""

ANSWER_KEYS = frozenset(
    (*CONTENT_KEYS, "answer", "response", "reply", "output", "result", "final_answer", "finalAnswer")
)
"""The members of a wrapper that hold text for the person."""

BLOCKS_KEY = "blocks"

METADATA_KEYS = frozenset(
    (
        *("type", "role", "id", "status", "done", "version", "reasoning", "thought", "thoughts"),
        *("language", "format", BLOCKS_KEY),
    )
)
"""The members of a wrapper that are not for the person."""

HEADING_KEYS = frozenset(("title", "heading", "headline", "header", "subtitle", "label"))
"""The members of a text block or a wrapper that are shown as a heading."""

REMARK_KEYS = frozenset(
    (
        *("description", "note", "notes", "caption", "summary", "detail", "details", "footer", "hint", "tip"),
        *("explanation", "comment", "intro", "introduction", "conclusion", "footnote", "source", "warning"),
        *("subtitle", "subheading", "heading", "headline"),
    )
)
"""The members of a structured block that are shown as text before it."""

SOURCE_KEYS = frozenset(
    (
        *("sources", "references", "citations", "links", "evidence", "related", "suggestions", "suggested_questions"),
        *("follow_ups", "followups", "follow_up_questions", "next_steps", "questions"),
    )
)
"""Lists next to an answer that are shown with their key."""

PART_KEYS = frozenset(
    ("fields", "pairs", "entries", "rows", "properties", "attributes", "facts", "data", "sections", "paragraphs")
)
"""The members of a layout that hold its lines."""

LAYOUT_TYPES = frozenset(
    (
        *("card", "cards", "info_card", "key_value", "key_values", "keyvalue", "keyvalues", "key_value_list"),
        *("key_value_pairs", "kv", "kv_list", "definition_list", "description_list", "properties", "details", "fields"),
        *("stat", "stats", "metric", "metrics", "kpi", "info", "infobox", "info_box", "alert", "notice", "banner"),
        *("panel", "fact_box", "facts"),
    )
)
"""Types of objects that are not blocks but lay out texts. All members of such an object are shown as text."""

CLEAR_ANSWER_KEYS = frozenset(("answer", "response", "reply", "final_answer", "finalAnswer"))
"""An object with prose under one of these is an answer, whatever its other members are."""

TEXT_KEYS = frozenset(
    (
        *ANSWER_KEYS,
        *HEADING_KEYS,
        *(REMARK_KEYS - {"source"}),
        *SOURCE_KEYS,
        *("quote", "author", "question", "error", "paragraph", "paragraphs", "url", "link", "href"),
    )
)
"""The members of a text block or a wrapper whose strings and numbers are for the person."""

MACHINE_KEYS = METADATA_KEYS | frozenset(
    (
        *("style", "styles", "class", "className", "classes", "css", "color", "colour", "background", "theme", "icon"),
        *("variant", "align", "alignment", "level", "size", "width", "height", "weight", "font", "order", "index"),
        *("key", "uuid", "slug", "ref", "lang", "locale", "mime", "mimeType", "encoding", "schema", "$schema"),
        *("model", "tool", "tool_name", "function", "action", "intent", "confidence", "score", "metadata", "meta"),
        *("finish_reason", "finishReason", "stop_reason", "stopReason", "usage", "tokens", "total_tokens"),
        *("timestamp", "created", "created_at", "createdAt", "updated_at", "updatedAt"),
        *("object", "block_id", "blockId"),
        *("plan", "analysis", "thinking", "rationale", "chain_of_thought"),
    )
)
"""Members that are never for the person: ids, styles, names of tools, and the model's reasoning."""

ITEM_KEYS = frozenset(("name", "task", "term", "item", *TEXT_KEYS))
"""The members of a list's item that are its text. Other members follow with their key, except `MACHINE_KEYS`."""

CHILD_KEYS = frozenset(("children", "subitems", "sub_items", "sublist", "content", "blocks", *LIST_KEYS))
"""The members of a list's item that hold nested items."""

CHECK_KEYS = ("checked", "done", "completed", "complete")
"""The members of a list's item that say whether it is ticked off."""

NOT_WRAPPERS = frozenset(
    (
        *("parameters", "arguments", "args", "input", "function", "tool_calls", "tool_call", "properties", "schema"),
        *("definitions", "$defs", "example", "examples", "body_schema"),
    )
)
"""Members whose value is never a block: calls of tools written as text, and JSON schemas."""

FIELDS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("columns", "columnHeaders", "column_headers", "header"), "headers"),
        **dict.fromkeys(("chart_type", "charttype", "chartKind", "kind"), "chartType"),
        **dict.fromkeys(("dataPoints", "data_points", "points", "dataset"), "data"),
        **dict.fromkeys(("milestones", "events", "items"), "checkpoints"),
        **dict.fromkeys(("entityType", "entity_type"), "entity"),
        **dict.fromkeys(("name", "heading", "caption"), "title"),
        **dict.fromkeys(("series",), "config"),
    }
)
"""Members of structured blocks by another name. A block takes one that its type has, if its own is missing."""

MEMBERS: Mapping[BlockType, frozenset[str]] = MappingProxyType(
    {
        BlockType.TEXT: frozenset(),
        BlockType.CHART: frozenset(("chartType", "title", "data", "config", "from")),
        BlockType.TABLE: frozenset(("headers", "rows", "from")),
        BlockType.TIMELINE: frozenset(("checkpoints", "from")),
        BlockType.ENTITY_REF: frozenset(("entity", "ids")),
    }
)
"""The members of a structured block, without its type."""

SIGNS: Mapping[BlockType, frozenset[str]] = MappingProxyType(
    {
        BlockType.TEXT: frozenset((*CONTENT_KEYS, *LIST_KEYS)),
        BlockType.CHART: frozenset(
            ("chartType", "chart_type", "data", "config", "from", "datasets", "dataset", "series", "labels", "values")
        ),
        BlockType.TABLE: frozenset(("headers", "columns", "rows", "from")),
        BlockType.TIMELINE: frozenset(("checkpoints", "milestones", "events", "items", "from")),
        BlockType.ENTITY_REF: frozenset(("entity", "entityType", "entity_type", "ids")),
    }
)
"""Members that show that an object with a synonym of a type, or inside another object, is that block."""

UNTYPED: Mapping[BlockType, frozenset[str]] = MappingProxyType(
    {
        BlockType.CHART: frozenset(("chartType", "data")),
        BlockType.TABLE: frozenset(("headers", "rows")),
        BlockType.TIMELINE: frozenset(("checkpoints",)),
    }
)
"""An object without a type that has all of these members is that block."""

FENCES = frozenset(("", "json", "jsonc", "json5", "jsonl", "ndjson"))
"""The languages of a code fence that may hold the answer. In any other, blocks are samples."""

_KNOWN_KEYS = (
    frozenset(("type", BLOCKS_KEY, "id", *FIELDS, *LIST_KEYS))
    | ANSWER_KEYS
    | frozenset().union(*MEMBERS.values(), *SIGNS.values())
)


def block_type(name: str) -> tuple[BlockType, bool] | None:
    """The block that a type's name means, and whether it is the canonical name; None for any other name."""
    word = type_word(name)
    if (known := CANONICAL.get(word)) is not None:
        return known, True
    if (meant := TYPE_SYNONYMS.get(word)) is not None:
        return meant, False
    return None


def chart_type(name: str) -> ChartType | None:
    """The chart that a chart type's name means."""
    return CHART_TYPES.get(type_word(name))


def is_list(name: str) -> bool:
    """Whether the name of a type means a list."""
    return "list" in type_word(name) or type_word(name) == "bullets"


def known_key(quoted: str) -> bool:
    """Whether a key, written with its quotes, may be the first one of a block or a wrapper."""
    return unquoted(quoted) in _KNOWN_KEYS


_ANY_CASE: Mapping[str, str] = MappingProxyType(
    {
        key.lower(): key
        for keys in (FIELDS, REMARK_KEYS, HEADING_KEYS, _KNOWN_KEYS, *MEMBERS.values())  # the canonical names come last
        for key in sorted(keys)
    }
)


def canonical_key(key: str) -> str:
    """The member that `key` means: in any letter case, a known member; else `key` itself."""
    return key if key in _KNOWN_KEYS else _ANY_CASE.get(key.lower(), key)


def folded(members: Mapping[str, _V]) -> Mapping[str, _V]:
    """The members with the known ones in their canonical letter case. A member that has both keeps both."""
    names = {key: name for key in members if (name := canonical_key(key)) != key and name not in members}
    if not names or len(set(names.values())) < len(names):
        return members
    return {names.get(key, key): value for key, value in members.items()}


def begins_block(quoted: str) -> bool:
    """Whether a key in any letter case, written with its quotes, may be the first one of a block or a wrapper."""
    return canonical_key(unquoted(quoted)) in _KNOWN_KEYS


def unquoted(source: str) -> str:
    """The string that a key is, written in double quotes, in single ones or in none."""
    if source[:1] == '"':
        try:
            value = json.loads(source, strict=False)
        except ValueError:
            return source[1:-1]
        return value if isinstance(value, str) else source
    return source[1:-1] if source[:1] == "'" else source


def type_word(name: str) -> str:
    """The name of a type in lower case, with underscores."""
    return name.strip().lower().replace("-", "_").replace(" ", "_")
