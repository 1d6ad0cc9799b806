"""The house as DESIGN has it: which folder may import which, what stays free of I/O, and how long a file may be."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

ARROWS = {
    "parser": set(),
    "streaming": {"parser"},
    "sql": set(),
    "memory": {"sql"},
    "agents": {"streaming", "parser"},
    "server": {"agents", "memory", "streaming", "sql"},
    "client": {"streaming"},
}
FOLDERS = sorted(ARROWS)

# Modules that do no I/O: tables in, tables out. They are tested at every split point and fuzzed, which needs no loop.
SANS_IO = [
    "parser/*.py",
    "memory/text/entity_text.py",
    "memory/keys/master.py",
    "memory/text/learning.py",
    "memory/tiers/patterns.py",
    "memory/enrichment/preferences.py",
    "memory/crypto/seal.py",
    "memory/recall/ranking.py",
    "memory/crypto/rotation.py",
    "memory/crypto/blind_terms.py",
    "memory/text/analyser.py",
    "streaming/wire/block_data.py",
    "streaming/model/breaker.py",
    "streaming/chat.py",
    "streaming/wire/codes.py",
    "streaming/dialects/envelope.py",
    "streaming/answer/json_filter.py",
    "streaming/dialects/*.py",
    "streaming/wire/frame_types.py",
    "streaming/wire/frames.py",
    "streaming/answer/home.py",
    "streaming/answer/popup.py",
    "streaming/model/decoder.py",
    "streaming/model/retry.py",
    "streaming/wire/schema.py",
    "streaming/dialects/sse.py",
    "streaming/wire/stream_text.py",
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
    "server/answers/request_ids.py",
    "server/models/token_budget.py",
    "server/peers/exposition.py",
]
IO_LIBRARIES = {"trio", "httpx", "psycopg", "trio_websocket", "hypercorn", "quart_trio", "asyncio", "socket"}

PARSER_MAY_IMPORT = {"ijson", "pydantic", "parser"}
MAX_LINES = 320
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "base_utils"}


def python_files(*folders: str) -> list[Path]:
    return sorted(
        path for folder in folders for path in (ROOT / folder).rglob("*.py") if "node_modules" not in path.parts
    )


def imported(path: Path) -> Iterator[str]:
    """Top-level names of every module that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            assert node.module is not None
            yield node.module.split(".")[0]


def relative(paths: list[Path]) -> list[str]:
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


@pytest.mark.parametrize("pattern", SANS_IO)
def test_a_module_without_io_has_no_async_and_no_io_library(pattern: str) -> None:
    files = [path for path in sorted(ROOT.glob(pattern)) if path.name != "__main__.py"]
    assert files, "no file matches: the table is stale"
    for path in files:
        tree = ast.parse(path.read_text())
        asynchronous = [
            node.lineno
            for node in ast.walk(tree)
            if isinstance(node, ast.AsyncFunctionDef | ast.AsyncFor | ast.AsyncWith | ast.Await)
        ]
        assert not asynchronous, f"{path.relative_to(ROOT)} is asynchronous at lines {asynchronous}"
        assert not IO_LIBRARIES.intersection(imported(path)), path.relative_to(ROOT)


def test_the_parser_needs_only_the_standard_library_ijson_and_pydantic() -> None:
    import sys

    for path in python_files("parser"):
        foreign = set(imported(path)) - set(sys.stdlib_module_names) - PARSER_MAY_IMPORT
        assert not foreign, f"{path.relative_to(ROOT)} imports {foreign}"


def test_one_module_of_the_server_names_the_websocket_library() -> None:
    users = [
        path for path in python_files(*FOLDERS) if "trio_websocket" in imported(path) and "client" not in path.parts
    ]
    assert relative(users) == ["server/sockets/websocket.py"]


def test_psycopg_stays_in_sql() -> None:
    users = [path for path in python_files(*FOLDERS) if "psycopg" in imported(path)]
    assert {path.relative_to(ROOT).parts[0] for path in users} == {"sql"}


def test_of_memory_only_the_embedding_speaks_http() -> None:
    users = [path for path in python_files("memory") if "httpx" in imported(path)]
    assert {path.parent for path in users} == {ROOT / "memory" / "embedding"}


def test_no_module_runs_on_asyncio() -> None:
    assert not [path for path in python_files(*FOLDERS) if "asyncio" in imported(path)]


def typescript_files() -> list[Path]:
    files = [*(ROOT / "client").rglob("*.ts"), *(ROOT / "client").rglob("*.tsx")]
    made = {"node_modules", "dist", "generated"}
    return sorted(path for path in files if not made.intersection(path.parts) and ".test." not in path.name)


@pytest.mark.parametrize("path", relative([*python_files(*FOLDERS), *typescript_files()]))
def test_a_file_can_be_read_in_one_sitting(path: str) -> None:
    lines = (ROOT / path).read_text().count("\n")
    assert lines <= MAX_LINES, f"{lines} lines"


def test_no_file_has_a_name_that_says_nothing() -> None:
    assert not [path for path in python_files(*FOLDERS, "tests") if path.stem in VAGUE_NAMES]


def test_every_module_says_what_it_is_for() -> None:
    silent = [path for path in python_files(*FOLDERS) if path.read_text().strip() and not docstring(path)]
    assert not relative(silent)


def docstring(path: Path) -> str | None:
    return ast.get_docstring(ast.parse(path.read_text()))


@pytest.mark.parametrize("text", ["async def f(): ...", "import trio", "from trio import Event"])
def test_the_checks_see_what_they_look_for(text: str, tmp_path: Path) -> None:
    sample = tmp_path / "sample.py"
    sample.write_text(text)
    tree = ast.parse(text)
    found = IO_LIBRARIES.intersection(imported(sample)) or any(
        isinstance(node, ast.AsyncFunctionDef) for node in ast.walk(tree)
    )
    assert found
