"""Charts as text: columns for line and area charts, bars with shares for pie and radial charts, bars for the others."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from client.terminal.plain_text import clean, listed

_COLORS = ("blue", "green", "magenta", "yellow", "cyan", "red")
_BARS = "▏▎▍▌▋▊▉█"
_COLUMNS = "▁▂▃▄▅▆▇█"
_ASCII_COLUMNS = "_.-=+*#@"
_RUNNING = {"line", "area"}
_SHARES = {"pie", "radial"}


def chart(data: Mapping[str, Any], *, width: int, plain: bool) -> RenderableType:
    """Render a `chart` block in `width` columns. `plain` uses only ASCII. Values that are not numbers count as 0."""
    points = [point for point in listed(data.get("data")) if isinstance(point, Mapping)]
    config = data.get("config")
    series = list(config) if isinstance(config, Mapping) else []
    label_key = next((key for point in points for key in point if key not in series), None)
    labels = [clean(point.get(label_key, "")) for point in points]
    kind = str(data.get("chartType"))
    heading = Text(clean(data.get("title") or "Chart"), style="bold")
    parts: list[RenderableType] = [heading]
    # One scale for all series, so that their bars can be compared.
    most = max((abs(_number(point.get(key))) for point in points for key in series), default=0) or 1
    for number, key in enumerate(series):
        values = [_number(point.get(key)) for point in points]
        style = _style(config, key, number)
        if len(series) > 1:
            parts.append(Text(_label(config, key), style=style))
        if kind in _RUNNING and len(points) > 1:
            parts.append(_columns(labels, values, style, width, plain=plain))
        else:
            parts.append(_bars(labels, values, style, width, most, shares=kind in _SHARES, plain=plain))
    return Group(*parts)


def _bars(
    labels: Sequence[str], values: Sequence[float], style: str, width: int, most: float, *, shares: bool, plain: bool
) -> RenderableType:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(justify="right", max_width=max(8, width // 3), overflow="ellipsis", no_wrap=True)
    grid.add_column()
    grid.add_column(no_wrap=True)
    label_width = min(max((len(label) for label in labels), default=0), max(8, width // 3))
    room = max(5, width - label_width - 16)
    total = sum(abs(value) for value in values) or 1
    for label, value in zip(labels, values, strict=True):
        number = f"{value:g}" + (f" ({abs(value) / total:.0%})" if shares else "")
        bar = _bar(abs(value) / most, room, plain=plain)
        grid.add_row(label, Text(bar, style="red" if value < 0 else style), number)
    return grid


def _bar(share: float, room: int, *, plain: bool) -> str:
    if plain:
        return "#" * max(round(share * room), share > 0)
    eighths = max(round(share * room * 8), share > 0)
    return "█" * (eighths // 8) + (_BARS[eighths % 8 - 1] if eighths % 8 else "")


def _columns(labels: Sequence[str], values: Sequence[float], style: str, width: int, *, plain: bool) -> RenderableType:
    steps = _ASCII_COLUMNS if plain else _COLUMNS
    low, high = min(0.0, *values), max(values)
    reach = (high - low) or 1
    each = max(1, min(6, (width - 2) // len(values)))
    line = "".join(steps[min(7, int((value - low) / reach * 7.999))] * each for value in values)
    grid = Table.grid()
    grid.add_column(overflow="fold")
    grid.add_row(Text(line, style=style))
    grid.add_row(Text(f"{labels[0]} .. {labels[-1]}   min {min(values):g}, max {high:g}", style="dim"))
    return grid


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        return 0
    return value


def _label(config: Any, key: str) -> str:
    entry = config.get(key)
    return clean(entry.get("label") or key) if isinstance(entry, Mapping) else clean(key)


def _style(config: Any, key: str, number: int) -> str:
    entry = config.get(key)
    color = entry.get("color") if isinstance(entry, Mapping) else None
    if isinstance(color, str) and re.fullmatch(r"#[0-9a-fA-F]{6}", color):
        return color
    return _COLORS[number % len(_COLORS)]
