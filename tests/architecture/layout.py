"""The arrows between packages and between the parts of each package: what may import what. Read from the code here."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

Arrows = Mapping[str, set[str]]

ARROWS: Arrows = {
    "parser": set(),
    "person": set(),
    "streaming": {"parser", "person"},
    "sql": set(),
    "model_files": set(),
    "memory": {"model_files", "person", "sql"},
    "agents": {"streaming", "parser", "person"},
    "demo": {"person"},
    "server": {"agents", "demo", "memory", "model_files", "person", "streaming", "sql"},
    "client": {"parser", "person", "streaming"},
    "evals": {"client", "person", "server", "streaming"},
}
"""Top-level packages. `server.models` starts the demo model; the demo model imports only the calendar.
`evals` starts the server in its own process, because a scenario sets the server's clock."""

PACKAGES: Mapping[str, Arrows] = {
    "server": {
        "__main__": {"commands"},
        "commands": {
            "banner",
            "key_commands",
            "local_model",
            "logs",
            "main",
            "memory_service",
            "models",
            "processes",
            "startup",
            "settings",
            "storage",
            "workers",
        },
        "accounts": {"shared_limits"},
        "answers": {"devices", "memory_service", "models", "requests", "telemetry"},
        "banner": {"startup", "settings", "sockets"},
        "changes": {"devices", "memory_service", "telemetry"},
        "composition": {
            "accounts",
            "answers",
            "changes",
            "devices",
            "kept",
            "memory_service",
            "models",
            "net",
            "peers",
            "presence",
            "relay",
            "requests",
            "rest",
            "sessions",
            "startup",
            "settings",
            "shared_limits",
            "sockets",
            "storage",
            "telemetry",
        },
        "devices": {"telemetry"},
        "kept": {"requests", "sessions", "telemetry"},
        "key_commands": {"accounts", "memory_service", "settings", "storage"},
        "local_model": {"processes"},
        "logs": set(),
        "main": {
            "accounts",
            "composition",
            "devices",
            "local_model",
            "memory_service",
            "models",
            "net",
            "presence",
            "relay",
            "rest",
            "startup",
            "settings",
            "shared_limits",
            "sockets",
            "storage",
            "telemetry",
        },
        "memory_service": {"requests", "settings", "telemetry"},
        "models": {"local_model", "net", "requests", "settings", "shared_limits", "telemetry"},
        "net": set(),
        "peers": {"startup", "telemetry"},
        "presence": set(),
        "relay": {"accounts", "devices", "presence", "storage"},
        "processes": set(),
        "requests": set(),
        "rest": {"accounts", "net", "peers", "requests", "shared_limits", "telemetry"},
        "startup": set(),
        "settings": {"net"},
        "sessions": {"answers", "changes", "devices", "memory_service", "requests", "telemetry"},
        "shared_limits": {"net"},
        "sockets": {"accounts", "devices", "net", "sessions", "shared_limits", "telemetry"},
        "storage": {"settings"},
        "telemetry": set(),
        "workers": {"main", "net", "processes", "shared_limits", "startup", "settings", "storage"},
    },
    "memory": {
        "__main__": {"embedding"},
        "conversations": {"crypto", "keys", "tiers", "vault"},
        "crypto": {"text"},
        "delivery": {"crypto", "keys", "vault"},
        "embedding": {"crypto"},
        "enrichment": {"crypto", "embedding", "keys", "limits", "preferences", "text", "tiers", "vault"},
        "keys": {"crypto"},
        "limits": set(),
        "maintenance": {"crypto", "delivery", "embedding", "keys", "segments", "tiers", "vault"},
        "middleware": {
            "conversations",
            "delivery",
            "embedding",
            "enrichment",
            "limits",
            "quota",
            "recall",
            "rights",
            "text",
            "tiers",
            "vault",
        },
        "preferences": {"text", "tiers"},
        "quota": {"vault"},
        "recall": {"crypto", "embedding", "keys", "limits", "preferences", "segments", "text", "tiers", "vault"},
        "rights": {"crypto", "keys", "text", "tiers", "vault"},
        "segments": {"crypto", "keys", "vault"},
        "text": set(),
        "tiers": {"crypto", "embedding", "keys", "segments", "text", "vault"},
        "vault": {"crypto", "keys"},
    },
    "streaming": {
        "answer": {"wire"},
        "chat": set(),
        "dialects": {"chat"},
        "http": set(),
        "model": {"chat", "dialects", "http", "wire"},
        "wire": set(),
    },
    "sql": {
        "distribution": {"driver", "migrate"},
        "driver": set(),
        "embedded": set(),
        "migrate": {"driver"},
        "notifications": {"pooled"},
        "owners": set(),
        "pool": {"driver", "owners", "pooled"},
        "pooled": {"driver"},
        "row_ids": set(),
        "statements": set(),
        "batches": {"driver"},
        "sweeps": {"pool", "tenant"},
        "pooler": {"driver"},
        "tenant": {"driver", "pool", "pooler", "statements"},
        "transient": {"pool"},
    },
}
"""The parts of a package: its sub-packages, and the modules on its top level."""


@cache
def python_files(*folders: str) -> tuple[Path, ...]:
    """Every Python file below these folders of the project."""
    files = (path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return tuple(sorted(path for path in files if "node_modules" not in path.parts))


@cache
def syntax_tree(path: Path) -> ast.Module:
    """The syntax tree of a file. Many tests read it, and none changes it."""
    return ast.parse(path.read_text("utf-8"))


@cache
def syntax_nodes(path: Path) -> tuple[ast.AST, ...]:
    """Every node of the syntax tree of a file."""
    return tuple(ast.walk(syntax_tree(path)))


@cache
def imported_modules(path: Path) -> frozenset[str]:
    """Every module that a file imports. `from a import b` counts as `a.b` if that is a module of the project."""
    found: set[str] = set()
    for node in syntax_nodes(path):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                file = ROOT / inner.replace(".", "/")
                found.add(inner if file.with_suffix(".py").is_file() or file.is_dir() else node.module)
    return frozenset(found)


def part_of(module: str) -> str:
    """The part that a module belongs to: `server.rest` for `server.rest.app`."""
    return ".".join(module.split(".")[:2])


def part_arrows(package: str) -> dict[str, set[str]]:
    """What each part of `package` imports of the other parts, by their names within the package."""
    arrows: dict[str, set[str]] = {}
    for path in python_files(package):
        parts = path.relative_to(ROOT / package).with_suffix("").parts
        if parts == ("__init__",):
            continue
        others = arrows.setdefault(parts[0], set())
        for module in imported_modules(path):
            top, _, rest = module.partition(".")
            part = rest.split(".")[0]
            if top == package and part and part != parts[0]:
                others.add(part)
    return arrows


def cycles(graph: Arrows) -> list[set[str]]:
    """The sets of nodes that reach one another, by Tarjan's algorithm; a node that only reaches itself is left out."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[set[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(graph.get(node, ())):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            component = set()
            while node not in component:
                component.add(stack.pop())
            if len(component) > 1:
                found.append(component)

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return found


_DRAWING = re.compile(r"<!-- arrows: (\w+) -->\n```\n(.*?)```", re.DOTALL)


def written_arrows(page: str) -> dict[str, dict[str, set[str]]]:
    """The arrows that a Markdown page draws: lines of `a -> b, c`, in blocks marked `<!-- arrows: NAME -->`."""
    drawings: dict[str, dict[str, set[str]]] = {}
    for name, lines in _DRAWING.findall(page):
        drawing = drawings[name] = {}
        for line in lines.strip().splitlines():
            part, _, others = line.partition("->")
            drawing[part.strip()] = {other.strip() for other in others.split(",") if other.strip()}
    return drawings
