"""A flame graph as a small SVG. Boxes that are too narrow to read are left out; titles have the details."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from xml.sax.saxutils import escape

_WIDTH: Final = 1600
_ROW: Final = 16
_TOP: Final = 40
_CHAR: Final = 6.2
_LEAST_SHARE: Final = 0.0015


@dataclass(slots=True)
class _Node:
    name: str
    samples: int = 0
    children: dict[str, _Node] = field(default_factory=dict)


def flame_graph(stacks: Counter[tuple[str, ...]], title: str) -> str:
    """The SVG of samples by stack, outermost function first and at the top. Times are shares of all samples."""
    root = _Node("all")
    for stack, count in stacks.items():
        root.samples += count
        node = root
        for name in stack:
            node = node.children.setdefault(name, _Node(name))
            node.samples += count
    depth, boxes = 0, []
    for at, level, node in _boxes(root, 0.0, 0, max(root.samples, 1)):
        depth = max(depth, level)
        boxes.append(_box(node, at, level, max(root.samples, 1)))
    height = _TOP + (depth + 1) * _ROW + 10
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="monospace"'
        f' font-size="10"><rect width="100%" height="100%" fill="#fff"/>'
        f'<text x="8" y="24" font-size="15">{escape(title)} ({root.samples} samples)</text>\n'
    )
    return head + "\n".join(boxes) + "\n</svg>\n"


def _boxes(node: _Node, at: float, level: int, total: int) -> Iterator[tuple[float, int, _Node]]:
    """Each node with the samples to its left and its row."""
    yield at, level, node
    for child in sorted(node.children.values(), key=lambda child: child.name):
        if child.samples / total >= _LEAST_SHARE:
            yield from _boxes(child, at, level + 1, total)
        at += child.samples


def _box(node: _Node, at: float, level: int, total: int) -> str:
    x, width, y = at / total * _WIDTH, node.samples / total * _WIDTH, _TOP + level * _ROW
    tint = zlib.crc32(node.name.encode()) % 60
    shown = node.name[: max(0, int((width - 4) / _CHAR))]
    label = f'<text x="{x + 2:.1f}" y="{y + 11}">{escape(shown)}</text>' if len(shown) > 2 else ""
    return (
        f'<g><title>{escape(node.name)} {node.samples / total:.1%}</title><rect x="{x:.1f}" y="{y}"'
        f' width="{width:.1f}" height="{_ROW - 1}" fill="hsl({20 + tint},85%,68%)"/>{label}</g>'
    )
