"""A file of a model, identified by its SHA-256."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path


class ModelMissing(Exception):
    """A file of a model is missing or has the wrong content."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """`name` in the model's folder, and the `sha256` of its only valid content.

    `size`: of this content in bytes, to recognise other files without reading them; None if it is not known.
    """

    name: str
    sha256: str
    size: int | None = None


def has_content(file: ModelFile, path: Path) -> bool:
    """Whether the file at `path` exists and has the valid content. Reads all of it."""
    try:
        if file.size is not None and path.stat().st_size != file.size:
            return False
        with path.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest() == file.sha256
    except OSError:
        return False
