"""Puts the file of a local model into the state folder: from a folder, or from the model hub."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

import httpx

from model_files import ModelMissing, Progress, cause_of, download, has_content
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
        given = folder / model.file.name
        if has_content(model.file, given):
            _copy(given, path)
            return str(folder)
        tried.append(f"{given} has another SHA-256" if given.is_file() else f"{given} does not exist")
    if not offline:
        on_progress = progress(model.file.name) if progress is not None else None
        try:
            if download(url or model.url, model.file, path, connect_s=_CONNECT_S, on_progress=on_progress):
                return "the model hub"
            tried.append("the model hub has no such file")
        except httpx.HTTPError as error:
            part = " (what has arrived is kept, and the next attempt goes on there)" if _has_part(path) else ""
            tried.append(f"the model hub failed with {cause_of(error)}{part}")
    where = f"; {'; '.join(tried)}" if tried else ""
    raise ModelMissing(
        f"no source has {model.file.name} with SHA-256 {model.file.sha256}{where}. "
        f"Download {model.url} in another way, and name the folder that has it: "
        f"`python -m server fetch-model {model.name} --from FOLDER`, or `make run MODEL=local FROM=FOLDER`"
    )


def _has_part(path: Path) -> bool:
    return path.with_name(f"{path.name}.part").is_file()


def _copy(source: Path, path: Path) -> None:
    """Copy the file, or link it if both are in one file system. A server never sees half of it."""
    part = path.with_name(f"{path.name}.copy")
    part.unlink(missing_ok=True)
    try:
        os.link(source, part)
    except OSError:
        shutil.copyfile(source, part)
    part.replace(path)
