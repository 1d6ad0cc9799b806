"""The files of the local embedding models, identified by their SHA-256."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from model_files import ModelFile, ModelMissing

__all__ = [
    "MODEL",
    "MODEL_FILES",
    "MULTILINGUAL_FILES",
    "MULTILINGUAL_PIECES",
    "MULTILINGUAL_WEIGHTS",
    "TOKENIZER",
    "ModelFile",
    "ModelMissing",
    "accepts",
    "model_folder",
    "multilingual_folder",
    "read_verified",
]

MODEL: Final = ModelFile("model.onnx", "f93ff225320628d2e88baf2a395cae791b0e3b27edf5c70bf7b312a4d3260c14", 34_015_111)
TOKENIZER: Final = ModelFile(
    "tokenizer.json", "87eb7217e03ca66a173ac8430e41d2b2edc5fd38ef2a0e01f86213e02c897a1b", 742_332
)
MODEL_FILES: Final = (MODEL, TOKENIZER)

MULTILINGUAL_WEIGHTS: Final = ModelFile(
    "weights.npz", "0db566fd0af82cbf9f3a7eac3920ede5fb784a6882398563ca9b1bbd66fb37c9", 30_377_056
)
MULTILINGUAL_PIECES: Final = ModelFile(
    "sp.model", "994fcc2e8ad0fe2c802b68fa0de9f058403f2b1656c2d33b6a94146b0c5925e9", 2_527_207
)
MULTILINGUAL_FILES: Final = (MULTILINGUAL_WEIGHTS, MULTILINGUAL_PIECES)
"""Of the second model, which compares texts of different languages. It may be missing."""


def model_folder(state_dir: Path) -> Path:
    """The folder of the files in the server's state folder."""
    return state_dir / "models" / "snowflake-arctic-embed-s-int8"


def multilingual_folder(state_dir: Path) -> Path:
    """The folder of the second model's files in the server's state folder."""
    return state_dir / "models" / "universal-sentence-encoder-multilingual-3"


def accepts(file: ModelFile, content: bytes) -> bool:
    """Whether `content` is the valid content of the file."""
    return len(content) == file.size and hashlib.sha256(content).hexdigest() == file.sha256


def read_verified(folder: Path, file: ModelFile) -> bytes:
    """The content of a file in `folder`. Raises `ModelMissing`."""
    path = folder / file.name
    try:
        content = path.read_bytes()
    except OSError:
        raise ModelMissing(f"{path} is missing: run `python -m memory fetch-model`") from None
    if not accepts(file, content):
        raise ModelMissing(f"{path} has the wrong content: remove it and run `python -m memory fetch-model`")
    return content
