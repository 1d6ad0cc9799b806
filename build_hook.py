"""Puts the built playground into wheels and source distributions. Hatchling calls it while it builds them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_PAGE = "client/playground/dist"
_SOURCES = ("playground/src", "playground/first-screen.ts", "playground/index.html", "sdk/src", "react/src")
# The value `no` leaves the page out of the package.
_SWITCH = "BUILD_PLAYGROUND"


class PlaygroundHook(BuildHookInterface[Any]):
    """Includes the page. Builds it before if it is missing or older than its sources, which needs npm."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the page's folder to the files of the package. An editable package uses the checkout's folder."""
        if version == "editable" or os.environ.get(_SWITCH) == "no":
            return
        client = Path(self.root) / "client"
        page = Path(self.root) / _PAGE
        if not _up_to_date(page, client):
            npm = shutil.which("npm")
            if npm is None:
                self.app.display_warning(
                    "npm is missing, so this package has no playground. Install Node.js 20.19 or later, and build it"
                    " again."
                )
                return
            self.app.display_info(f"building the playground ({_SWITCH}=no leaves it out)")
            if not (client / "node_modules" / ".installed").exists():
                _run([npm, "ci", "--workspace", "playground", "--omit=dev", "--no-progress"], client)
            _run([npm, "run", "--silent", "build", "--workspace", "playground", "--", "--logLevel", "warn"], client)
        build_data["force_include"][str(page)] = _PAGE


def _up_to_date(page: Path, client: Path) -> bool:
    index = page / "index.html"
    if not index.is_file():
        return False
    built = index.stat().st_mtime
    return all(file.stat().st_mtime <= built for source in _SOURCES for file in _files(client / source))


def _files(path: Path) -> list[Path]:
    return [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True)  # noqa: S603 - npm, with fixed arguments
