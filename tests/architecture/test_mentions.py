"""Every file and module that a text of the project names exists: docs, comments, docstrings, SQL and the Makefile."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from functools import cache
from pathlib import Path

import pytest

from tests.architecture.layout import ROOT

FOLDERS = (
    "agents",
    "bench",
    "client",
    "demo",
    "docs",
    "memory",
    "parser",
    "person",
    "server",
    "sql",
    "streaming",
    "tests",
)
_SUFFIXES = {".css", ".md", ".py", ".sql", ".toml", ".ts", ".tsx", ".yml"}
_BUILT = {".venv", "__pycache__", "build", "coverage", "dist", "node_modules"}
# Built files and examples that a clone does not have.
_ABSENT = re.compile(
    r"client/(?:node_modules|playground/dist|\*/dist|examples/\*/dist)|tests/parser/crashes|tests/sql/upgrades/second_version"
)
# A path of two or more parts. What precedes it must not make it a part of a longer path or of a URL.
_PATH = re.compile(rf"(?<![\w/.@~{{}}$-])(?:{'|'.join(FOLDERS)})(?:/[\w.*-]+)+")
_DOTTED = re.compile(rf"`((?:{'|'.join(FOLDERS)})(?:\.\w+)+)`")


@cache
def texts() -> list[Path]:
    """The project's text files. The changelog is left out: it names files of earlier versions."""
    found = [ROOT / "README.md", ROOT / "Makefile", ROOT / "pyproject.toml"]
    for folder in FOLDERS:
        found += [
            path
            for path in (ROOT / folder).rglob("*")
            if path.suffix in _SUFFIXES and path.is_file() and not _BUILT.intersection(path.relative_to(ROOT).parts)
        ]
    return sorted(found)


def missing(path: Path) -> set[str]:
    """What a file names to its readers and does not exist."""
    text = path.read_text("utf-8")
    found = missing_paths(text) | missing_names(text)
    # To read the syntax of all files takes seconds. Without an escape, a docstring is in the text unchanged.
    if path.suffix == ".py" and (found or "\\" in text):
        said = prose(text)
        return missing_paths(said) | missing_names(said)
    return found


def prose(text: str) -> str:
    """What a Python file says to its readers: its comments and docstrings."""
    said = [
        token.string for token in tokenize.generate_tokens(io.StringIO(text).readline) if token.type == tokenize.COMMENT
    ]
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    said += [ast.get_docstring(node) or "" for node in ast.walk(ast.parse(text)) if isinstance(node, documented)]
    return "\n".join(said)


def missing_paths(text: str) -> set[str]:
    """The paths in `text` that do not exist. A `*` matches any name."""
    paths = {found.rstrip("./-") for found in _PATH.findall(text)}
    return {path for path in paths if not _ABSENT.match(path) and not any(ROOT.glob(path))}


def missing_names(text: str) -> set[str]:
    """The dotted names in backticks in `text` of which neither a module nor a name in that module exists."""
    return {name for name in _DOTTED.findall(text) if not _exists(name)}


def _exists(name: str) -> bool:
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        place = ROOT.joinpath(*parts[:length])
        file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
        if place.is_dir() or file.is_file():
            return length == len(parts) or (file.is_file() and parts[length] in _names_in(file))
    return False


@cache
def _names_in(file: Path) -> frozenset[str]:
    """Every name that a module defines, assigns or imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.alias):
            found.add(node.asname or node.name)
        elif isinstance(node, ast.Name):
            found.add(node.id)
    return frozenset(found)


@pytest.mark.parametrize("folder", ["", *FOLDERS])
def test_texts_name_only_what_exists(folder: str) -> None:
    wrong = {
        f"{path.relative_to(ROOT)} names {name}"
        for path in texts()
        if str(path.relative_to(ROOT).parent).split("/")[0] == (folder or ".")
        for name in missing(path)
    }
    assert not wrong


def test_of_a_python_file_the_comments_and_docstrings_are_read(tmp_path: Path) -> None:
    file = tmp_path / "module.py"
    for text, found in (
        ('NAME = "docs/none.md"\n', set()),
        ("# See docs/none.md.\n", {"docs/none.md"}),
        ('"""See docs/none.md."""\n', {"docs/none.md"}),
        ('"""See:\\ndocs/none.md"""\n', {"docs/none.md"}),  # an escape stands before it
    ):
        file.write_text(text, "utf-8")
        assert missing(file) == found, text


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("see docs/memory.md, server/rest/ and memory/text/*.py.", set()),
        ("see server/nothing.py.", {"server/nothing.py"}),
        ("see https://example.com/server/nothing.py", set()),
        ("`server.rest.app` uses `server.rest.RestServices`", set()),
        ("`server.nothing` and `server.rest.Nothing`", {"server.nothing", "server.rest.Nothing"}),
    ],
)
def test_what_is_missing_is_found(text: str, missing: set[str]) -> None:
    assert missing_paths(text) | missing_names(text) == missing
