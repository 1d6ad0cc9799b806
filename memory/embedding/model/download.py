"""Bring the embedded model's files into a folder, from the first source that has them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from memory.embedding.model.files import MODEL_FILES, ModelFile, ModelMissing, accepts, read_verified
from memory.embedding.model.sources import Source


def fetch_model(folder: Path, sources: Mapping[str, Source]) -> dict[str, str]:
    """Make `folder` hold the files; gives where each came from: a name of `sources`, or "already there".

    Sources are tried in their order, for each file. Raises `ModelMissing` when none has one, and `OSError`.
    """
    origins = {}
    for file in MODEL_FILES:
        if _present(folder, file):
            origins[file.name] = "already there"
            continue
        for name, source in sources.items():
            content = source(file)
            if content is not None and accepts(file, content):
                _write(folder / file.name, content)
                origins[file.name] = name
                break
        else:
            tried = f"tried: {', '.join(sources)}" if sources else "no source was to be tried"
            raise ModelMissing(f"no source has the {file.name} with SHA-256 {file.sha256} ({tried})")
    return origins


def model_present(folder: Path) -> bool:
    """Whether `folder` holds the very files."""
    return all(_present(folder, file) for file in MODEL_FILES)


def _present(folder: Path, file: ModelFile) -> bool:
    try:
        read_verified(folder, file)
    except ModelMissing:
        return False
    return True


def _write(path: Path, content: bytes) -> None:
    # Whole or not at all: a server may be starting meanwhile.
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
