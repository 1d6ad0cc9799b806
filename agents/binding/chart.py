"""A chart's `data` and `config`, as shadcn's components take them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from agents.binding.groups import Group, aggregate, grouped, partition
from agents.binding.labels import Labels
from agents.binding.unbindable import Unbindable
from agents.binding.values import Item, require_field
from parser.blocks import BindReason, BoundChartBlock, ChartFrom, ChartType
from person import Calendar

COLORS = 5
MAX_SERIES = 12
# The key of a slice's colour in its point.
_FILL = "fill"
_NOT_IN_A_KEY = re.compile(r"[^a-z0-9]+")
# These charts have a colour per slice; the others have one per series.
_SLICED = {ChartType.PIE, ChartType.RADIAL}


def chart_data(block: BoundChartBlock, items: Sequence[Item], labels: Labels, calendar: Calendar) -> dict[str, Any]:
    """The `data` of a chart's `stream_block` frame. Raises `Unbindable`."""
    source = block.source
    if source.split_by is not None:
        require_field(source.entity, source.split_by, items)
    groups = grouped(source, items, labels, calendar)
    if source.split_by is None:
        points, config = _one_series(source, groups, labels)
    else:
        points, config = _split(source, source.split_by, groups, labels, calendar)
    if not config:
        raise Unbindable(BindReason.NO_DATA, f"No {source.entity} that matches has a {source.field}.")
    if block.chartType in _SLICED:
        points = [point | {_FILL: color(number)} for number, point in enumerate(points)]
    return {"chartType": block.chartType.value, "title": block.title, "data": points, "config": config}


def color(number: int) -> str:
    """The theme's chart colours, repeated when there are more series than colours."""
    return f"var(--chart-{number % COLORS + 1})"


def _one_series(
    source: ChartFrom, groups: Sequence[Group], labels: Labels
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    key = source.agg.value
    label_key = _label_key(source, {key})
    points = [{label_key: group.label, key: group.value} for group in groups if group.value is not None]
    return points, {key: {"label": labels.number(source), "color": color(0)}} if points else {}


def _split(
    source: ChartFrom,
    split_by: str,
    groups: Sequence[Group],
    labels: Labels,
    calendar: Calendar,
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    everything = [item for group in groups for item in group.items]
    series = partition(source.entity, split_by, None, everything, labels, calendar)
    if len(series) > MAX_SERIES:
        raise Unbindable(BindReason.TOO_MANY_GROUPS, f"The field {split_by} makes more than {MAX_SERIES} series.")
    keys = _keys(series)
    label_key = _label_key(source, set(keys.values()))
    members = {label: {id(item) for item in own} for label, own in series.items()}
    points: list[dict[str, Any]] = []
    used: set[str] = set()
    for group in groups:
        point: dict[str, Any] = {label_key: group.label}
        for label, key in keys.items():
            own = [item for item in group.items if id(item) in members[label]]
            value = aggregate(source, own)
            # The count or sum of no items is 0. An average of no items is undefined, so the point lacks this series.
            if value is not None:
                point[key] = value
                used.add(key)
        points.append(point)
    config = {
        key: {"label": label, "color": color(number)} for number, (label, key) in enumerate(keys.items()) if key in used
    }
    return points, config


def _keys(labels: Mapping[str, object]) -> dict[str, str]:
    """A unique key for each series, valid as part of a CSS variable's name."""
    keys: dict[str, str] = {}
    for label in labels:
        stem = _NOT_IN_A_KEY.sub("_", label.lower()).strip("_") or "series"
        key, number = stem, 1
        while key in keys.values() or key == _FILL:
            number += 1
            key = f"{stem}_{number}"
        keys[label] = key
    return keys


def _label_key(source: ChartFrom, taken: set[str]) -> str:
    """The key of the label in each point: the field's name, changed if a series has that key."""
    key = (source.group_by or source.entity).removesuffix("Id") or "group"
    while key in taken or key == _FILL:
        key += "_group"
    return key
