"""The recorded streams and decoder cases of the shared data set, if it is present."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

_ROOT = Path(os.environ.get("TESSERA_SHARED_DATA") or Path(__file__).parents[3] / "shared" / "data") / "sse"


def path(name: str) -> Path:
    """A file or folder below `sse/`; skips the test when the data set is absent."""
    if not _ROOT.is_dir():
        pytest.skip(f"no recorded streams at {_ROOT}; set TESSERA_SHARED_DATA")
    return _ROOT / name


def rows(name: str) -> list[dict[str, Any]]:
    """The rows of a `.jsonl` file."""
    with path(name).open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
