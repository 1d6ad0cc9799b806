"""The files of the local embedding models: their digests, their sources, and the download.

Files are accepted only when their SHA-256 matches.
"""

from __future__ import annotations

from memory.embedding.model.download import fetch_model, model_present
from memory.embedding.model.files import (
    MODEL,
    MULTILINGUAL_FILES,
    MULTILINGUAL_PIECES,
    MULTILINGUAL_WEIGHTS,
    TOKENIZER,
    ModelMissing,
    model_folder,
    multilingual_folder,
    read_verified,
)
from memory.embedding.model.sources import (
    IMPATIENT_S,
    MULTILINGUAL_PACKAGE,
    PACKAGE,
    PATIENT_S,
    Source,
    from_folder,
    from_hub,
    from_package,
)

__all__ = [
    "IMPATIENT_S",
    "MODEL",
    "MULTILINGUAL_FILES",
    "MULTILINGUAL_PACKAGE",
    "MULTILINGUAL_PIECES",
    "MULTILINGUAL_WEIGHTS",
    "PACKAGE",
    "PATIENT_S",
    "TOKENIZER",
    "ModelMissing",
    "Source",
    "fetch_model",
    "from_folder",
    "from_hub",
    "from_package",
    "model_folder",
    "model_present",
    "multilingual_folder",
    "read_verified",
]
