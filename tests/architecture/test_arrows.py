"""The architecture: which package may import which, which modules do no I/O, and how long a file may be."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest

from tests.architecture.layout import (
    ARROWS,
    PACKAGES,
    ROOT,
    cycles,
    imported_modules,
    part_arrows,
    part_of,
    python_files,
    syntax_nodes,
    syntax_tree,
    written_arrows,
)

FOLDERS = sorted(ARROWS)

# Modules that do no I/O. Their tests need no event loop.
SANS_IO = [
    "parser/*.py",
    "parser/blocks/*.py",
    "person/*.py",
    "memory/crypto/*.py",
    "memory/keys/master.py",
    "memory/text/*.py",
    "memory/tiers/patterns.py",
    "memory/enrichment/enriched.py",
    "memory/enrichment/novelty.py",
    "memory/preferences/english.py",
    "memory/recall/recalled.py",
    "streaming/chat.py",
    "streaming/answer/*.py",
    "streaming/dialects/*.py",
    "streaming/model/breaker.py",
    "streaming/model/decoder.py",
    "streaming/model/retry.py",
    "streaming/wire/*.py",
    "streaming/http/request_head.py",
    "streaming/http/response_parser.py",
    "agents/binding/*.py",
    "agents/block_format.py",
    "agents/intent/*.py",
    "agents/reasoning.py",
    "agents/tool_results.py",
    "server/telemetry/collectors.py",
    "server/net/rate_limit.py",
    "server/relay/messages.py",
    "server/telemetry/request_spans.py",
    "server/peers/exposition.py",
]
IO_LIBRARIES = {"trio", "httpx", "psycopg", "trio_websocket", "hypercorn", "quart_trio", "asyncio", "socket"}

PARSER_MAY_IMPORT = {"ijson", "json_repair", "pydantic", "pydantic_core", "parser"}
MAX_LINES = 400
MAX_TOP_LEVEL_FILES = 10


@cache
def imported(path: Path) -> frozenset[str]:
    """The top-level package of every import in a file, also inside functions."""
    found: set[str] = set()
    for node in syntax_nodes(path):
        if isinstance(node, ast.Import):
            found.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            assert node.module is not None
            found.add(node.module.split(".")[0])
    return frozenset(found)


def relative(paths: Iterable[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_imports_only_what_its_arrows_allow(folder: str) -> None:
    files = python_files(folder)
    assert files
    allowed = ARROWS[folder] | {folder}
    wrong = {
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files
        for name in imported(path)
        if name in ARROWS.keys() | {"tests", "bench"} and name not in allowed
    }
    assert not wrong


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_the_parts_of_a_package_import_only_what_their_arrows_allow(package: str) -> None:
    found = part_arrows(package)
    assert found.keys() == PACKAGES[package].keys(), "the table does not list exactly the parts that exist"
    wrong = {f"{part} imports {other}" for part, others in found.items() for other in others - PACKAGES[package][part]}
    unused = {f"{part} -> {other}" for part, others in PACKAGES[package].items() for other in others - found[part]}
    assert not wrong
    assert not unused, "the table allows imports that do not exist"


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_a_part_is_imported_by_its_own_name(package: str) -> None:
    """Code outside a sub-package imports what its `__init__.py` exports, not its inner modules."""
    wrong = {
        f"{path.relative_to(ROOT)} imports {module}"
        for path in python_files(*FOLDERS, "bench")
        for module in imported_modules(path)
        if module.startswith(f"{package}.")
        and (ROOT / part_of(module).replace(".", "/")).is_dir()
        and not (ROOT / module.replace(".", "/")).is_dir()
        and not path.is_relative_to(ROOT / part_of(module).replace(".", "/"))
    }
    assert not wrong


def test_there_is_no_import_cycle() -> None:
    modules = {path: imported_modules(path) for path in python_files(*FOLDERS)}
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in modules}
    graph = {
        name: {other for other in modules[path] if other in names and other != name} for name, path in names.items()
    }
    assert not cycles(graph)


@pytest.mark.parametrize(
    ("graph", "expected"),
    [
        ({"a": {"b"}, "b": {"c"}, "c": set()}, []),
        ({"a": {"b"}, "b": {"a"}, "c": {"a"}}, [{"a", "b"}]),
        ({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"d"}}, [{"a", "b", "c"}]),
    ],
)
def test_cycles_are_found(graph: dict[str, set[str]], expected: list[set[str]]) -> None:
    assert cycles(graph) == expected


def test_the_top_level_of_the_server_is_short() -> None:
    assert len(list((ROOT / "server").glob("*.py"))) <= MAX_TOP_LEVEL_FILES


def test_the_architecture_page_draws_the_arrows_that_hold() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    assert written_arrows(page) == {"packages": ARROWS, **PACKAGES}


@pytest.mark.parametrize("pattern", SANS_IO)
def test_a_module_without_io_has_no_async_and_no_io_library(pattern: str) -> None:
    files = [path for path in sorted(ROOT.glob(pattern)) if path.name != "__main__.py"]
    assert files, "no file matches: the table is stale"
    for path in files:
        asynchronous = [
            node.lineno
            for node in syntax_nodes(path)
            if isinstance(node, ast.AsyncFunctionDef | ast.AsyncFor | ast.AsyncWith | ast.Await)
        ]
        assert not asynchronous, f"{path.relative_to(ROOT)} is asynchronous at lines {asynchronous}"
        assert not IO_LIBRARIES.intersection(imported(path)), path.relative_to(ROOT)


def test_the_parser_needs_few_libraries() -> None:
    import sys

    for path in python_files("parser"):
        foreign = imported(path) - set(sys.stdlib_module_names) - PARSER_MAY_IMPORT
        assert not foreign, f"{path.relative_to(ROOT)} imports {foreign}"


def test_one_module_of_the_server_names_the_websocket_library() -> None:
    users = [
        path
        for path in python_files(*FOLDERS)
        if "trio_websocket" in imported(path) and path.relative_to(ROOT).parts[0] != "client"
    ]
    assert relative(users) == ["server/sockets/websocket.py"]


def test_psycopg_stays_in_sql() -> None:
    users = [path for path in python_files(*FOLDERS) if "psycopg" in imported(path)]
    assert {path.relative_to(ROOT).parts[0] for path in users} == {"sql"}


def test_of_memory_only_the_embedding_speaks_http() -> None:
    users = [path for path in python_files("memory") if "httpx" in imported(path)]
    assert users
    assert all(path.is_relative_to(ROOT / "memory" / "embedding") for path in users)


def test_no_module_runs_on_asyncio() -> None:
    assert not [path for path in python_files(*FOLDERS) if "asyncio" in imported(path)]


def typescript_files() -> list[Path]:
    files = [*(ROOT / "client").rglob("*.ts"), *(ROOT / "client").rglob("*.tsx")]
    made = {"node_modules", "dist", "generated"}
    return sorted(path for path in files if not made.intersection(path.parts) and ".test." not in path.name)


def test_a_file_can_be_read_in_one_sitting() -> None:
    files = [*python_files(*FOLDERS, "tests"), *typescript_files()]
    lines = {str(path.relative_to(ROOT)): path.read_text("utf-8").count("\n") for path in files}
    assert {path: count for path, count in lines.items() if count > MAX_LINES} == {}


def test_every_module_says_what_it_is_for() -> None:
    silent = [path for path in python_files(*FOLDERS) if path.read_text().strip() and not docstring(path)]
    assert not relative(silent)


def docstring(path: Path) -> str | None:
    return ast.get_docstring(syntax_tree(path))


@pytest.mark.parametrize("text", ["async def f(): ...", "import trio", "from trio import Event"])
def test_the_checks_see_what_they_look_for(text: str, tmp_path: Path) -> None:
    sample = tmp_path / "sample.py"
    sample.write_text(text)
    tree = ast.parse(text)
    found = IO_LIBRARIES.intersection(imported(sample)) or any(
        isinstance(node, ast.AsyncFunctionDef) for node in ast.walk(tree)
    )
    assert found
