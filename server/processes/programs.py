"""The command lines that start another program of this package in its own process."""

from __future__ import annotations

import sys
from pathlib import Path


def program(module: str, *arguments: str) -> tuple[str, ...]:
    """The command that runs `module`, imported from where this process imports from.

    `python -m` also imports from the working directory, where a folder can have the name of one of our packages. So it
    is left out, unless this process imports from there too, as in a checkout.
    """
    safe_path = () if str(Path.cwd()) in sys.path or "" in sys.path else ("-P",)
    return (sys.executable, *safe_path, "-m", module, *arguments)
