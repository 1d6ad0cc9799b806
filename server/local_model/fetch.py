"""Puts the file of a local model into the state folder: from a folder, or from the model hub."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

import httpx

from model_files import ModelMissing, Progress, download, has_content
from server.local_model.table import LocalModel

_CONNECT_S: Final = 10.0


def local_model_file(state_dir: Path, model: LocalModel) -> Path:
    """Where the file of `model` is in the server's state folder."""
    return state_dir / "models" / model.name / model.file.name


def fetch_local_model(
    state_dir: Path,
    model: LocalModel,
    *,
    folder: Path | None = None,
    offline: bool = False,
    progress: Callable[[str], Progress] | None = None,
    url: str | None = None,
) -> str:
    """Put the file into `state_dir` unless it is there; returns where it came from. It blocks the thread.

    `folder` is searched first. `offline`: do not use the network. `url` replaces the address on the model hub. A
    download that broke goes on in the next call. Raises `ModelMissing` if no source has the exact file, and `OSError`.
    """
    path = local_model_file(state_dir, model)
    if has_content(model.file, path):
        return "already there"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    tried = []
    if folder is not None:
        tried.append(str(folder))
        if has_content(model.file, folder / model.file.name):
            _copy(folder / model.file.name, path)
            return str(folder)
    if not offline:
        tried.append("the model hub")
        on_progress = progress(model.file.name) if progress is not None else None
        try:
            if download(url or model.url, model.file, path, connect_s=_CONNECT_S, on_progress=on_progress):
                return "the model hub"
        except httpx.HTTPError as error:
            tried[-1] += f", which failed with {type(error).__name__}; the next attempt goes on where this one ended"
    raise ModelMissing(
        f"no source has {model.file.name} with SHA-256 {model.file.sha256}"
        f" (tried: {', '.join(tried) if tried else 'none'})"
    )


def _copy(source: Path, path: Path) -> None:
    """Copy the file, or link it if both are in one file system. A server never sees half of it."""
    part = path.with_name(f"{path.name}.copy")
    part.unlink(missing_ok=True)
    try:
        os.link(source, part)
    except OSError:
        shutil.copyfile(source, part)
    part.replace(path)
