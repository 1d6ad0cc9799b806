"""What the last answer shows: the expected blocks, and words that must or must not occur."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from evals.observed import ShownTurn
from evals.scenario import ExpectedBlock, Shown


def visible_text(turn: ShownTurn) -> str:
    """Everything that the person can read in an answer: its text, and the texts in its blocks."""
    return "\n".join([turn.text, *(json.dumps(block["data"], ensure_ascii=False) for block in turn.blocks)])


def shown_faults(shown: Shown, turn: ShownTurn) -> list[str]:
    """What is missing in the answer, and what must not be there."""
    text = visible_text(turn).casefold()
    faults = []
    for words in shown.must:
        choices = [words] if isinstance(words, str) else words
        if not any(word.casefold() in text for word in choices):
            faults.append(f"does not show {' or '.join(repr(word) for word in choices)}")
    faults += [f"shows {word!r}" for word in shown.must_not if word.casefold() in text]
    faults += [f"does not match {pattern!r}" for pattern in shown.matches if not re.search(pattern, turn.text)]
    unused = list(turn.blocks)
    for expected in shown.blocks:
        problems = [(_block_faults(expected, block), block) for block in unused if block["type"] == expected.type]
        if not problems:
            faults.append(f"shows no {expected.type}")
            continue
        best, block = min(problems, key=lambda one: len(one[0]))
        faults += best
        unused.remove(block)
    return faults


def _block_faults(expected: ExpectedBlock, block: Mapping[str, Any]) -> list[str]:
    data, faults = block["data"], []
    rows = _rows(block)
    if expected.ids is not None:
        found = [str(row.get("id")) for row in rows if isinstance(row, Mapping)]
        wanted = expected.ids if expected.ordered else sorted(expected.ids)
        if wanted != (found if expected.ordered else sorted(found)):
            faults.append(f"the {expected.type} has the items {found}, expected {expected.ids}")
    if expected.rows is not None and len(rows) != expected.rows:
        faults.append(f"the {expected.type} has {len(rows)} rows, expected {expected.rows}")
    if expected.values is not None and sorted(_numbers(block)) != sorted(expected.values):
        faults.append(f"the {expected.type} has the numbers {_numbers(block)}, expected {expected.values}")
    text = json.dumps(data, ensure_ascii=False).casefold()
    faults += [f"the {expected.type} does not have {cell!r}" for cell in expected.cells if cell.casefold() not in text]
    return faults


def _rows(block: Mapping[str, Any]) -> list[Any]:
    names = {"chart": "data", "table": "rows", "timeline": "checkpoints", "entity_ref": "items"}
    rows: list[Any] = block["data"][names[block["type"]]]
    return rows


def _numbers(block: Mapping[str, Any]) -> list[float]:
    """The numbers of a chart's series or of a table's cells."""
    if block["type"] == "chart":
        cells = [row.get(key) for row in _rows(block) for key in block["data"]["config"]]
        if all(cell is None for cell in cells):
            # A pie's config names its slices, so its numbers are the other values of each row.
            cells = [value for row in _rows(block) for value in row.values()]
    elif block["type"] == "table":
        cells = [cell for row in _rows(block) for cell in row]
    else:
        cells = []
    return [float(cell) for cell in cells if isinstance(cell, int | float) and not isinstance(cell, bool)]
