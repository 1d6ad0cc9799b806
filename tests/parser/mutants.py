"""`python -m tests.parser.mutants`: break the parser in small ways; the tests must notice each.

Every mutant is one replacement in a copy of the source, against which the quick tests run. Prints each with its fate
and the count; exits 1 if one survives, or if a replacement no longer fits the source.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = ("test_block_parser.py", "test_limits.py", "test_recorded.py", "test_tools.py", "test_properties.py")

MUTANTS = (
    # file, what is there, what is put in its place
    ("states.py", "Signal.TYPE_TEXT: State.MEMBERS", "Signal.TYPE_TEXT: State.STRUCTURE"),
    (
        "states.py",
        "State.EMPTY_ARRAY: dict.fromkeys(_SPACES, State.EMPTY_ARRAY)",
        "State.EMPTY_ARRAY: dict.fromkeys(_SPACES, State.ARRAY)",
    ),
    ("strings.py", "<< 10) + int(low.group(1), 16) - 0xDC00", "<< 10) + int(low.group(1), 16) - 0xDC01"),
    ("strings.py", "return REPLACEMENT, at + 6", "return REPLACEMENT, at + 12"),
    ("strings.py", "for index in range(at + 2, at + 6)", "for index in range(at + 2, at + 5)"),
    ("strings.py", "if not last and", "if last and"),
    ("string_splitter.py", "if text.count('\"') & 1:", "if text.count('\"'):"),
    ("string_splitter.py", "if _CUT_ESCAPE.match(text, match.start()):", "if False:"),
    (
        "string_splitter.py",
        "self.look_at = len(self.source) + self._limit - decoded",
        "self.look_at = len(self.source) + self._limit",
    ),
    ("string_splitter.py", "self._cut = text[end:]", "self._cut = ''"),
    ("block_builder.py", "if depth > self._limits.depth:", "if depth > self._limits.depth + 1:"),
    ("block_builder.py", "value = float(value)", "value = round(float(value))"),
    ("block_builder.py", "if isinf(value):", "if False:"),
    ("block_builder.py", "self.duplicate_keys += 1", "self.duplicate_keys += 0"),
    ("block_builder.py", "if size > self._most_bytes:", "if size > self._most_bytes + 1:"),
    ("block_builder.py", 'if key == "type" and self.type is not None:', "if False:"),
    ("block_builder.py", 'or b"\\x0c" in self.source', ""),
    ("block_parser.py", "self._quoted = state is _MEMBERS or strings.inside", "self._quoted = strings.inside"),
    ("block_parser.py", "self._index -= 1", "self._index -= 0"),
    ("block_parser.py", "self._limits.lookahead_chars - len(self._held)", "self._limits.lookahead_chars"),
    ("block_parser.py", "self._run(text[position:], base + position)", "self._run(text[position:], base)"),
    ("block_reader.py", "return at, Signal.BROKEN if broken else Signal.REFUSED", "return at, Signal.REFUSED"),
    ("block_reader.py", "self._validate(base + end - 1, events)", "self._validate(base + end, events)"),
    ("recovery.py", "after > position and", "True and"),
    ("recovery.py", 'elif character == "\\n":', "elif False:"),
    ("yajl.py", "events.pop()", "pass"),
    ("blocks/models.py", "if len(row) != len(self.headers):", "if len(row) > len(self.headers):"),
)


def killed(folder: Path, name: str, before: str, after: str) -> bool | None:
    """Whether the tests fail with the mutant; None if `before` is not in the file exactly once."""
    path = folder / "parser" / name
    source = path.read_text("utf-8")
    if source.count(before) != 1:
        return None
    path.write_text(source.replace(before, after), "utf-8")
    try:
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--no-header"]
        tests = [str(Path("tests", "parser", test)) for test in TESTS]
        environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "TESSERA_SHARED_DATA": "/nonexistent"}
        run = subprocess.run(  # noqa: S603 - our own command
            [*command, *tests], cwd=folder, env=environment, capture_output=True, timeout=300, check=False
        )
    except subprocess.TimeoutExpired:
        return True
    finally:
        path.write_text(source, "utf-8")
    return run.returncode != 0


def main() -> int:
    """Run every mutant; the exit code."""
    fates: list[bool | None] = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for part in ("parser", "tests/parser"):
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "docs").mkdir()
        for name in ("pyproject.toml", "docs/parser.md"):
            shutil.copy(ROOT / name, folder / name)
        for name, before, after in MUTANTS:
            fate = killed(folder, name, before, after)
            fates.append(fate)
            word = {True: "killed  ", False: "SURVIVED", None: "NO FIT  "}[fate]
            print(f"{word} {name}: {before!r} -> {after!r}", flush=True)
    print(f"{fates.count(True)} of {len(fates)} mutants killed")
    return 0 if all(fates) else 1


if __name__ == "__main__":
    sys.exit(main())
