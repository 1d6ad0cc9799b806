"""The cases that cut the connection behind each frame of a recorded answer. `cases/cuts.json` is generated from them.

After each cut the server sends the replay that docs/protocol.md describes. After a second cut it sends the same replay
again. The final state must be that of the uncut answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from client.conformance.cases import Ability, CaseFile

Frame = Mapping[str, Any]
_LIVE_LATER: Final = 2
"""The number of the answer's frames that are produced while the client is away. The replay contains them."""


def _start() -> Frame:
    return {"type": "stream_start", "request_id": "$a", "agent": "task_agent"}


def _open(block: int, block_type: str) -> Frame:
    return {"type": "block_open", "request_id": "$a", "block": block, "block_type": block_type}


def _text(block: int, chunk: str) -> Frame:
    return {"type": "stream_text", "request_id": "$a", "block": block, "chunk": chunk}


def _block(block: int, block_type: str, data: Mapping[str, Any]) -> Frame:
    return {"type": "stream_block", "request_id": "$a", "block": block, "block_type": block_type, "data": data}


def _end(shown: int) -> Frame:
    return {
        "type": "stream_end",
        "request_id": "$a",
        "status": "completed",
        "finish": "stop",
        "shown": shown,
        "mutations": [{"op": "create", "entity": "task", "id": "t1", "data": {"title": "Pay the rent"}}],
        "usage": {"input_tokens": 120, "output_tokens": 64},
    }


_TABLE: Final = {"headers": ["day", "tasks"], "rows": [["Monday", 3], ["Tuesday", None]]}
_CHART: Final = {
    "chartType": "bar",
    "title": "Open tasks",
    "data": [{"day": "Monday", "open": 3}, {"day": "Tuesday", "open": 1}],
    "config": {"open": {"label": "Open", "color": "var(--chart-1)"}},
}
_TIMELINE: Final = {"checkpoints": [{"id": "c1", "title": "Beta", "date": 1_767_225_600_000}]}
_ITEMS: Final = {"entity": "task", "items": [{"id": "t1", "title": "Pay the rent"}]}

RECORDINGS: Final[Mapping[str, tuple[Sequence[Ability], Sequence[Frame]]]] = {
    # Block 2 was invalid: its corrected frame comes after all others.
    "all-blocks": (
        [],
        [
            _start(),
            _text(0, "Good "),
            _text(0, "morning."),
            _block(1, "table", _TABLE),
            _text(3, "Die Übersicht "),
            _text(3, "folgt 👍:\n"),
            _block(4, "timeline", _TIMELINE),
            _block(5, "entity_ref", _ITEMS),
            _block(2, "chart", _CHART),
            _end(6),
        ],
    ),
    "skeletons": (
        ["block_open"],
        [
            _start(),
            _open(0, "text"),
            _text(0, "Three "),
            _text(0, "tasks:"),
            _open(1, "table"),
            _block(1, "table", _TABLE),
            _open(2, "chart"),
            _block(2, "chart", _CHART),
            _open(3, "text"),
            _text(3, "Done."),
            _end(4),
        ],
    ),
}


def shown_state(frames: Sequence[Frame]) -> dict[str, Any]:
    """The state of a client that has processed `frames`, as a pattern: an independent, plain implementation."""
    answer: dict[str, Any] = {"status": "running"}
    blocks: dict[int, dict[str, Any]] = {}
    for frame in frames:
        index = frame.get("block", -1)
        match frame["type"]:
            case "stream_start":
                answer["agent"] = frame["agent"]
            case "block_open":
                empty = {"content": ""} if frame["block_type"] == "text" else {"data": None}
                blocks[index] = {"block": index, "block_type": frame["block_type"], **empty}
            case "stream_text":
                before = "" if frame.get("replace") else blocks.get(index, {}).get("content", "")
                blocks[index] = {"block": index, "block_type": "text", "content": before + frame["chunk"]}
            case "stream_block":
                blocks[index] = {"block": index, "block_type": frame["block_type"], "data": frame["data"]}
            case "stream_end":
                answer |= {key: frame[key] for key in ("status", "finish", "shown", "mutations", "usage")}
    answer["blocks"] = [blocks[index] for index in sorted(blocks)]
    return {"answers": {"a": answer}}


def replay(frames: Sequence[Frame], processed: int, produced: int) -> list[Frame]:
    """What the server sends to a client that has processed `processed` of the `produced` frames.

    A text block that has changed comes once, as a whole.
    """
    texts: dict[int, str] = {}
    for frame in frames[:produced]:
        if frame["type"] == "stream_text":
            texts[frame["block"]] = texts.get(frame["block"], "") + frame["chunk"]
    sent: list[Frame] = []
    for frame in frames[processed:produced]:
        if frame["type"] != "stream_text":
            sent.append(frame)
        elif frame["block"] in texts:
            sent.append({**frame, "chunk": texts.pop(frame["block"]), "replace": True})
    return sent


def _case(name: str, needs: Sequence[Ability], frames: Sequence[Frame], cut: int) -> dict[str, Any]:
    produced = min(cut + _LIVE_LATER, len(frames) - 1)
    again = replay(frames, cut, produced)
    resumed = {
        "hello": {"resume": {"session_id": "$session", "seq": "$processed"}},
        "greet": {"resume": "resumed", "requests": [{"request_id": "$a", "state": "running"}]},
    }
    steps: list[dict[str, Any]] = [
        {"do": "connect"},
        {"greet": {}},
        {"do": "home", "answer": "a", "message": "What is due?"},
        {"expect": [{"type": "home_request", "message": "What is due?", "request_id": "$a"}]},
        {"send": list(frames[:cut])},
        {"state": shown_state(frames[:cut])},
        {"cut": True},
        resumed,
        {"send": again},
        {"state": shown_state(frames[:produced])},
        {"cut": True},
        resumed,
        {"send": [*again, *frames[produced:]]},
        {"state": shown_state(frames)},
    ]
    return {
        "name": f"cut-{name}-{cut:02}",
        "title": f"two cuts, the first behind frame {cut} of {len(frames)} ({frames[cut - 1]['type']})",
        "needs": list(needs),
        "steps": steps,
    }


def cut_cases(recordings: Mapping[str, tuple[Sequence[Ability], Sequence[Frame]]]) -> str:
    """The text of the file with a case for each frame of each recording. Each step is one line."""
    cases = [
        _case(name, needs, frames, cut) for name, (needs, frames) in recordings.items() for cut in range(1, len(frames))
    ]
    about = "The connection is cut behind each frame of an answer. Generated: python -m client.conformance --generate"
    CaseFile.model_validate({"about": about, "cases": cases})
    return (
        f'{{\n "$schema": "../cases.schema.json",\n "about": {_json(about)},\n "cases": [\n'
        + ",\n".join(_text_of(case) for case in cases)
        + "\n ]\n}\n"
    )


def _text_of(case: Mapping[str, Any]) -> str:
    fields = "".join(f"   {_json(key)}: {_json(value)},\n" for key, value in case.items() if key != "steps" and value)
    steps = ",\n".join(f"    {_json(step)}" for step in case["steps"])
    return f'  {{\n{fields}   "steps": [\n{steps}\n   ]\n  }}'


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
