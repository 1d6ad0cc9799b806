"""The TypeScript types match the committed schema. The test compares a hash, so it does not need npm."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TYPES = ROOT / "client" / "sdk" / "src" / "generated" / "protocol.ts"


def test_the_typescript_types_were_generated_from_the_current_schema() -> None:
    schema = (ROOT / "docs" / "protocol" / "schema.json").read_bytes()
    stated = re.search(r"^// sha256 of that file: ([0-9a-f]{64})$", TYPES.read_text(encoding="utf-8"), re.MULTILINE)
    assert stated is not None
    assert stated[1] == hashlib.sha256(schema).hexdigest(), "stale: run `make schema` where npm is installed"
