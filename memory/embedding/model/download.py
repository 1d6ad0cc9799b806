"""Downloads the local model's files into a folder, from the first source that has them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from memory.embedding.model.files import MODEL_FILES, ModelFile, ModelMissing, accepts, read_verified
from memory.embedding.model.sources import Source


def fetch_model(
    folder: Path, sources: Mapping[str, Source], files: Sequence[ModelFile] | None = None
) -> dict[str, str]:
    """Put the files into `folder`; returns the origin of each: a name of `sources`, or "already there".

    `files`: None means those of the English model. Sources are tried in their order, for each file.
    Raises `ModelMissing` if no source has a file, and `OSError`.
    """
    origins = {}
    for file in MODEL_FILES if files is None else files:
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
            tried = f"tried: {', '.join(sources)}" if sources else "no source was given"
            raise ModelMissing(f"no source has {file.name} with SHA-256 {file.sha256} ({tried})")
    return origins


def model_present(folder: Path, files: Sequence[ModelFile] | None = None) -> bool:
    """Whether `folder` has all files with valid content. `files`: None means those of the English model."""
    return all(_present(folder, file) for file in (MODEL_FILES if files is None else files))


def _present(folder: Path, file: ModelFile) -> bool:
    try:
        read_verified(folder, file)
    except ModelMissing:
        return False
    return True


def _write(path: Path, content: bytes) -> None:
    # Write to a temporary file and rename it, because a server may be reading the folder.
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
