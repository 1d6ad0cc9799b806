"""`python -m agents.prompt_files` writes the generated prompt files and raises the version of the prompts.

The version rises whenever the text of any prompt changes. Requests are logged with it, so a change in the answers can
be traced to a change of the prompts.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from agents.block_format import describe_blocks

FOLDER = Path(__file__).with_name("prompts")
VERSIONS = FOLDER / "version.json"


def digests(folder: Path = FOLDER) -> dict[str, str]:
    """A short digest of each prompt file, by name."""
    return {path.stem: hashlib.sha256(path.read_bytes()).hexdigest()[:12] for path in sorted(folder.glob("*.md"))}


def main() -> None:
    """Write `blocks.md`, and `version.json` when anything changed."""
    (FOLDER / "blocks.md").write_text(describe_blocks() + "\n", "utf-8")
    kept: dict[str, Any] = json.loads(VERSIONS.read_text("utf-8")) if VERSIONS.exists() else {"version": 0, "files": {}}
    found = digests()
    if kept["files"] != found:
        VERSIONS.write_text(json.dumps({"version": kept["version"] + 1, "files": found}, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
