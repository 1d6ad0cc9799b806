"""`python -m bench`: run every benchmark of this folder, one after another. `python -m bench.NAME` runs one."""

from __future__ import annotations

import runpy
from pathlib import Path


def main() -> None:
    """Run each module of this folder as a script."""
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if not path.stem.startswith("_"):
            print(f"== bench.{path.stem}", flush=True)
            runpy.run_module(f"bench.{path.stem}", run_name="__main__")


if __name__ == "__main__":
    main()
