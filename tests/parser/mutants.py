"""`python -m tests.parser.mutants [WORD...]`: break the parser in small ways; the tests must notice each.

Every mutant is one replacement in a copy of the source, against which the quick tests run. Prints each with its fate
and the count; exits 1 if one survives, or if a replacement no longer fits the source.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = (
    *("test_block_parser.py", "test_cases.py", "test_limits.py", "test_recorded.py", "test_tools.py"),
    *("test_surrogates.py", "test_degradation.py", "test_repair.py", "test_text.py", "test_properties.py"),
    *("test_plain_json.py", "test_text_cases.py", "test_member_cases.py", "test_layouts.py"),
    *("test_series_numbers.py", "test_nested_members.py"),
)

MUTANTS = (
    # file, source line, replacement
    ("states.py", "Signal.TEXT_END: State.AFTER", "Signal.TEXT_END: State.PROSE"),
    ("states.py", "Signal.FOREIGN_IN_FENCE: State.CODE", "Signal.FOREIGN_IN_FENCE: State.PROSE"),
    ("states.py", "Signal.TOO_LARGE: State.SKIP", "Signal.TOO_LARGE: State.AFTER"),
    ("strings.py", "<< 10) + int(low.group(1), 16) - 0xDC00", "<< 10) + int(low.group(1), 16) - 0xDC01"),
    ("strings.py", "return REPLACEMENT, at + 6", "return REPLACEMENT, at + 12"),
    ("strings.py", "for index in range(at + 2, at + 6)", "for index in range(at + 2, at + 5)"),
    ("strings.py", "self._inner = not self._inner", "pass"),
    ("strings.py", "self._braces += 1", "pass"),
    ("strings.py", 'or not known_key(member["key"])', ""),
    ("strings.py", "return _SIMPLE.get(kind, kind), at + 2", "return _SIMPLE.get(kind, ''), at + 2"),
    ("surrogates.py", "if not last and", "if last and"),
    ("structure.py", 'self._escaped = text[at] == "\\\\"', "self._escaped = False"),
    ("structure.py", "if done or self.inside:", "if done:"),
    ("structure.py", "self.starts.append(base + where - begin)", "pass"),
    ("structure.py", "if self.depth == 0:", "if self.depth <= 1:"),
    ("object_scanner.py", 'if not wants_key and text[at] not in ",}]":', "if False:"),
    ("object_scanner.py", "if frame.type is None or frame.blocked:", "if frame.type is None:"),
    ("object_scanner.py", 'while frames and frames.pop().bracket != "{":', "while frames and not frames.pop():"),
    ("block_reader.py", "if level > depth:", "if level > depth + 1:"),
    ("block_reader.py", "if len(rows) > limits.rows:", "if len(rows) > limits.rows + 1:"),
    ("block_reader.py", "or _past_a_size(value, limits) is not None", ""),
    ("block_reader.py", "or too_deep(source, encoded, limits.depth)", ""),
    ("block_reader.py", "or _may_have_longer(source, limits.string_chars)", ""),
    ("plain_json.py", 'b"0e000" in shape or ', ""),
    ("plain_json.py", 'b"0e+000" in shape or ', ""),
    ("plain_json.py", " or _MOST_DIGITS in shape", ""),
    ("plain_json.py", ", allow_inf_nan=False", ""),
    ("strings.py", "key in SIGNS[kind] or key in MEMBERS[kind]", "key in SIGNS[kind]"),
    ("strings.py", "if self._inner and (self._braces or not", "if self._inner and (not"),
    ("wrappers.py", "for one in item if isinstance(item, list) else [item]:", "for one in [item]:"),
    ("openings.py", 'self._fence = fence["fence"]\n        self._go', 'self._fence = "```"\n        self._go'),
    ("openings.py", 'self._fence = fence["fence"]\n                return self._decode', "return self._decode"),
    ("repair.py", "return numbers == readable", "return True"),
    ("repair.py", "elif bare not in texts:", "elif False:"),
    ("repair.py", "len(source) > MOST_CHARACTERS or", ""),
    ("coercions.py", "repairs.append(Repair.GAP if number is None else Repair.NUMBER)", "pass"),
    ("coercions.py", "row = row + [None] * (len(headers) - len(row))", "pass"),
    ("coercions.py", "if column is None:", "if False:"),
    ("yajl.py", "if _ENDLESS.search(source):", "if False:"),
    ("yajl.py", "if not isfinite(number):", "if False:"),
    ("held_objects.py", "self._layers += path[1:] if in_tail else path", "self._layers += path"),
    ("held_objects.py", 'value = repaired("{" + source, MOST_WORK - self.repair_work)', "value = {}"),
    ("openings.py", 'self._fence = ""\n            self._in_prose = False', "self._in_prose = False"),
    ("openings.py", 'if self._state is State.PROSE and not begins_block(key["key"]):', "if False:"),
    ("openings.py", "most = start + self._limits.lookahead_chars", "most = start + self._limits.lookahead_chars + 1"),
    (
        "block_parser.py",
        'if (depth := self._depth - text.count("}")) > 0:',
        'if (depth := self._depth - text.count("}")) > -1:',
    ),
    ("block_parser.py", "self._base = self._began + len(whole)", "self._base = self._began"),
    ("block_parser.py", "if self._mender.held or self._encoded is not None or", "if self._encoded is not None or"),
    ("block_parser.py", " or self._straight is not None:", ":"),
    ("block_parser.py", "if before:\n", "if False:\n"),
    ("degradation.py", "_cell(point.get(key))", "_cell(point.get(keys[0]))"),
    ("blocks/models.py", "if len(row) != width:", "if len(row) > width:"),
    ("blocks/models.py", "if not numbers:", "if False:"),
    (
        "prose.py",
        "if key in MACHINE_KEYS:\n            continue\n        if key in TEXT_KEYS",
        "if key in TEXT_KEYS",
    ),
    (
        "prose.py",
        "if key in MACHINE_KEYS:\n            continue\n        if key not in TEXT_KEYS",
        "if key not in TEXT_KEYS",
    ),
    ("prose.py", 'text = "" if _PROSE.search(value) else value.strip()', 'text = ""'),
    ("prose.py", "if key in TEXT_KEYS or key in REMARK_KEYS or", "if key in TEXT_KEYS or"),
    ("prose.py", "found = [value for key, value in members", "found = [value for key, value in {}"),
    (
        "block_reader.py",
        'if not value.keys() <= _PLACES[model] and (value.get("type") != kind or _beside(model, folded(value))):',
        "if False:",
    ),
    ("block_reader.py", "if name in places and name not in members}", "if name in places}"),
    ("wrappers.py", "if isinstance(leaf, str) and _BRACKET.search(leaf))", "if isinstance(leaf, str))"),
    (
        "held_objects.py",
        "(not ends_in_null(value) or loses_text(value, found, source))",
        "loses_text(value, found, source)",
    ),
    ("held_objects.py", "or loses_text(members, [members_before(members)], whole)", ""),
    ("held_objects.py", "if value and any(_BRACKET.search(key) for key in value):", "if False:"),
    ("block_reader.py", "and bool(beside({key: value}))", ""),
    ("block_reader.py", 'value.get("type") != kind or ', ""),
    ("coercions.py", "if labels and len(labels) == len(values):", "if labels:"),
    ("block_reader.py", "and len(value) <= _LONGEST_TITLE", ""),
    ("prose.py", "(?P<title>.*?)(?P=bold)", "(?P<title>.*)"),
    ("object_scanner.py", "frame.type is None and name.isidentifier()", "False"),
    ("wrappers.py", "if any(key not in keys for key in written_keys(value)):", "if False:"),
    ("wrappers.py", "elif isinstance(item, str) and item.strip():", "elif False:"),
    ("wrappers.py", 'None if in_prose or value.get("type")', 'None if value.get("type")'),
    ("wrappers.py", "if len(others) == 1 and", "if False and"),
    ("wrappers.py", "[laid_out(others)] if holds_prose(others) else None", "[laid_out(others)]"),
    ("wrappers.py", "and beside <= SOURCE_KEYS | MACHINE_KEYS", ""),
    ("wrappers.py", "return found + details(others)", "return found"),
    ("wrappers.py", "found += details(others)", "pass"),
    ("prose.py", "and holds_prose(value) else", "else"),
    (
        "prose.py",
        "any(holds_prose(item) for key, item in value.items() if key not in MACHINE_KEYS)",
        "any(map(holds_prose, value.values()))",
    ),
    ("prose.py", "return any(map(holds_prose, value))", "return False"),
    ("wrappers.py", "elif isinstance(item, list) and holds_prose(item):", "elif False:"),
    ("layouts.py", " and not _SIGNS.isdisjoint(members)", ""),
    ("layouts.py", "if key in MACHINE_KEYS:", "if False:"),
    ("layouts.py", "if members.keys() >= _PAIR:", "if False:"),
    ("prose.py", "if _is_row(item) else item", "if False else item"),
    ("prose.py", '(key == "key" and "value" in item)', "False"),
    ("held_objects.py", "kind is BlockType.TEXT or is_layout(value) else", "kind is BlockType.TEXT else"),
    ("held_objects.py", " and not is_layout(value):", ":"),
    ("prose.py", "if len(members) < len(pairs):", "if False:"),
    ("held_objects.py", "if mended is not None and loses_text(mended, found, source):", "if False:"),
    ("prose.py", ", parse_float=Written", ""),
    ("prose.py", "_lines(children, depth + 1 if text else depth)", "()"),
    ("prose.py", "others.append(", "(lambda _: None)("),
    ("prose.py", "if check is None or not text else", "if True else"),
    ("wrappers.py", "*prose(others, of_text=True)", ""),
    ("wrappers.py", "inner = [] if one in _NOTHING else", "inner ="),
    ("wrappers.py", "if isinstance(one, dict) and one:", "if isinstance(one, dict):"),
    ("wrappers.py", ' and value.get("type") != "string"', ""),
    ("typographic.py", "character = '\\\\\"'", "pass"),
    ("typographic.py", "return True if last else None", "return True"),
    ("typographic.py", "if self._depth == 0:", "if False:"),
    ("typographic.py", "if text[at] not in self._string:", "if False:"),
    (
        "openings.py",
        'return canonical_key(unquoted(key)) == "type" if self._state is State.PROSE else begins_block(key)',
        "return begins_block(key)",
    ),
    ("openings.py", 'return at + len(fence["fence"])  # nothing is in it', "pass"),
    ("lenient_reader.py", "return number if str(number) == written else written", "return number"),
    ("lenient_reader.py", "self._end += 1  # a colon", "pass  # a colon"),
    ("lenient_reader.py", "if len(self._open) > 1 or", "if"),
    ("lenient_reader.py", "(self._open[0].members is not None) is", "True or"),
    ("degradation.py", "if Decimal(repr(number)) != Decimal(digits)", "if False"),
    ("degradation.py", 'rest = rest_unshown if is_cut(source) else ""', 'rest = ""'),
    ("degradation.py", "(*remarks(members), rest)", "remarks(members)"),
    ("degradation.py", "return flattened(BlockType(block_type), members) if", "return members if"),
    ("series_numbers.py", "return with_point if with_point == with_comma else None", "return with_point"),
    ("series_numbers.py", 'if len(units) > 1 or (bare and units - {""}):', "if len(units) > 1:"),
    ("series_numbers.py", "return None  # a number of JSON in quotes, next to others", "pass"),
    ("series_numbers.py", "of_json and all(", "all("),
    ("nested_members.py", "if len(found) != 1:\n        return members", "if not found:\n        return members"),
    ("nested_members.py", "if any(name in outer and outer[name] != value for", "if any(False for"),
    ("repair.py", 'if "\\\\" in source or _SIDE_BY_SIDE.search(source):', 'if "\\\\" in source:'),
    ("degradation.py", "read = read_leniently(source)", "read = None"),
)


def fits(source: str, before: str) -> bool:
    """Whether the text that a mutant replaces is in the source exactly once."""
    return source.count(before) == 1


def killed(folder: Path, name: str, before: str, after: str) -> bool | None:
    """Whether the tests fail with the mutant; None if `before` is not in the file exactly once."""
    path = folder / "parser" / name
    source = path.read_text("utf-8")
    if not fits(source, before):
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


def main(words: Sequence[str]) -> int:
    """Run every mutant, or those whose file or replaced text has one of the `words`; the exit code."""
    chosen = [mutant for mutant in MUTANTS if not words or any(word in text for text in mutant[:2] for word in words)]
    fates: list[bool | None] = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for part in ("parser", "tests/parser"):
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "docs").mkdir()
        for name in ("pyproject.toml", "docs/parser.md"):
            shutil.copy(ROOT / name, folder / name)
        for name, before, after in chosen:
            fate = killed(folder, name, before, after)
            fates.append(fate)
            word = {True: "killed  ", False: "SURVIVED", None: "NO FIT  "}[fate]
            print(f"{word} {name}: {before!r} -> {after!r}", flush=True)
    print(f"{fates.count(True)} of {len(fates)} mutants killed")
    return 0 if all(fates) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
