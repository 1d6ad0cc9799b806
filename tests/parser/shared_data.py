"""Reads the public corpora in place."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(os.environ.get("TESSERA_SHARED_DATA") or Path(__file__).parents[2].parent / "shared" / "data")
JSON = ROOT / "json"
needs_corpora = pytest.mark.skipif(not JSON.is_dir(), reason=f"the public JSON corpora are not at {JSON}")


def rows(name: str) -> list[dict[str, Any]]:
    """The rows of a JSONL file of the corpora; none when they are absent."""
    path = JSON / name
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.is_file() else []


def suite_file(name: str) -> str:
    """A file of JSONTestSuite. Bytes that are not UTF-8 become lone surrogates."""
    return (JSON / "jsontestsuite" / name).read_bytes().decode("utf-8", "surrogateescape")
