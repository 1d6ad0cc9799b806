"""Files of models: identified by their SHA-256, and downloaded with a progress bar; an interrupted download resumes.

Only command lines download; everything here blocks its thread.
"""

from __future__ import annotations

from model_files.download import Progress, cause_of, download
from model_files.files import ModelFile, ModelMissing, has_content
from model_files.progress import progress_bar

__all__ = ["ModelFile", "ModelMissing", "Progress", "cause_of", "download", "has_content", "progress_bar"]
