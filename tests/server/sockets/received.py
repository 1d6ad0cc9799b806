"""The texts and the types among received frames."""

from __future__ import annotations

from typing import Any


def texts(frames: list[dict[str, Any]]) -> str:
    return "".join(frame["chunk"] for frame in frames if frame["type"] == "stream_text")


def types(frames: list[dict[str, Any]]) -> list[str]:
    return [frame["type"] for frame in frames]
