"""Hypothesis strategies: blocks, answers made of them, ways to write them down, and ways to spoil them."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from parser.prose import prose

JsonValue = Any
characters = st.one_of(
    st.characters(),
    st.sampled_from('{}[]",:\\`\n\r\t\x00\x1f\x7f\u2028\ud800\udbff\udc00\udfff😀é \ufeff'),
)
nasty = st.text(characters, max_size=12)
names = st.one_of(st.sampled_from(["type", "content", "rows", "blocks", "data", "", "x", "text"]), nasty)
numbers = st.one_of(st.integers(), st.integers(-(10**40), 10**40), st.floats(allow_nan=False, allow_infinity=False))
scalars = st.one_of(st.none(), st.booleans(), numbers, nasty)
deep: st.SearchStrategy[JsonValue] = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=3)),
    max_leaves=8,
)
unknown = (
    st.dictionaries(st.sampled_from(["x", "meta", "", "uuid", 'q"']), st.one_of(scalars, deep), max_size=2)
    # An array of objects in an unknown field would make the block a wrapper.
    .map(lambda fields: {key: {"in": value} if isinstance(value, list) else value for key, value in fields.items()})
    # Machine data may be anything. A text or a number in an unknown field is shown next to the block.
    .map(lambda fields: {key: None if prose({key: value}, of_text=True) else value for key, value in fields.items()})
)

texts = st.builds(lambda content: {"type": "text", "content": content}, nasty)
tables = st.integers(1, 4).flatmap(
    lambda width: st.builds(
        lambda headers, rows: {"type": "table", "headers": headers, "rows": rows},
        st.lists(nasty, min_size=width, max_size=width),
        st.lists(st.lists(scalars, min_size=width, max_size=width), max_size=4),
    )
)
charts = st.builds(
    lambda kind, title, values, color: {
        "type": "chart",
        "chartType": kind,
        "title": title,
        "data": [{"x": title, "y": value} for value in values],
        "config": {"y": {"label": title, "color": color}},
    },
    st.sampled_from(["area", "bar", "line", "pie", "radar", "radial"]),
    nasty,
    st.lists(numbers, min_size=1, max_size=4),
    nasty,
)
timelines = st.builds(
    lambda items: {
        "type": "timeline",
        "checkpoints": [{"id": key, "title": title, "date": date, "more": more} for key, title, date, more in items],
    },
    st.lists(st.tuples(nasty, nasty, st.integers(0, 10**13), deep), max_size=3),
)
references = st.builds(
    lambda entity, ids: {"type": "entity_ref", "entity": entity} | ({} if ids is None else {"ids": ids}),
    st.sampled_from(["task", "project", "note", "checkpoint"]),
    st.one_of(st.none(), st.lists(nasty, max_size=3)),
)


@st.composite
def blocks(draw: st.DrawFn) -> dict[str, JsonValue]:
    """A valid block with unknown members, its members in any order, `type` not always first."""
    block = draw(st.one_of(texts, tables, charts, timelines, references))
    members = list((block | draw(unknown)).items())
    return dict(draw(st.permutations(members)))


@st.composite
def written(draw: st.DrawFn, block: JsonValue) -> str:
    """`block` as JSON, in one of the ways a model may write it."""
    return json.dumps(
        block,
        ensure_ascii=draw(st.booleans()),
        indent=draw(st.sampled_from([None, None, 1])),
        separators=draw(st.sampled_from([(",", ":"), (", ", ": ")])),
    )


@st.composite
def answers(draw: st.DrawFn) -> tuple[str, list[dict[str, JsonValue]]]:
    """An answer as a model writes it, and its blocks."""
    made = draw(st.lists(blocks(), min_size=1, max_size=4))
    parts = [draw(written(block)) for block in made]
    before, between, after = draw(
        st.sampled_from(
            [
                ("[", ",", "]"),
                ("[\n", ",\n", "\n]"),
                ("", "\n", "\n"),
                ("", "", ""),
                ("```json\n[", ", ", "]\n```"),
                ("```\n", "\n", "\n```\n"),
                ('{"blocks":[', ",", "]}"),
                ('{"version":1,"answer": [', " , ", '],"done":true}'),
                ("\ufeff[", ",,", ",]"),
            ]
        )
    )
    return before + between.join(parts) + after, made


@st.composite
def chunked(draw: st.DrawFn, text: str) -> list[str]:
    """`text` in pieces."""
    size = draw(st.sampled_from([1, 2, 5, 20]))
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=max(1, len(text) // size))))
    bounds = [0, *cuts, len(text)]
    return [text[start:end] for start, end in pairwise(bounds)]


@st.composite
def spoiled(draw: st.DrawFn, text: str) -> tuple[str, int]:
    """`text` with one fault, and where it is: a character flipped, dropped or put in, a cut, a piece twice."""
    at = draw(st.integers(0, max(0, len(text) - 1)))
    piece = draw(st.integers(1, 12))
    how = draw(st.sampled_from(["flip", "drop", "insert", "truncate", "duplicate"]))
    other = draw(characters)
    match how:
        case "flip":
            return text[:at] + other + text[at + 1 :], at
        case "drop":
            return text[:at] + text[at + piece :], at
        case "insert":
            return text[:at] + other + text[at:], at
        case "truncate":
            return text[:at], at
    return text[: at + piece] + text[at:], at
