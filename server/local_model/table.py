"""The models that can run on this machine.

To add one, add a row with its file's digest, and measure it with `make eval`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from model_files import ModelFile


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A model as one GGUF file of a repository of the model hub.

    `bytes_about`: the size of the file, for the plan of the memory. `context_tokens`: what it was trained for.
    `kv_bytes_per_token`: memory of one token of context in float16, which is 2 (keys and values) * layers *
    key-value heads * head size * 2 bytes.
    """

    name: str
    repository: str
    file: ModelFile
    license: str
    bytes_about: int
    context_tokens: int
    kv_bytes_per_token: int

    @property
    def url(self) -> str:
        """The address of the file on the model hub."""
        return f"https://huggingface.co/{self.repository}/resolve/main/{self.file.name}"


_MODELS: Final = (
    LocalModel(
        name="qwen2.5-coder-1.5b",
        repository="Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF",
        file=ModelFile(
            "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
            "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        ),
        license="Apache-2.0",
        bytes_about=1_120_000_000,
        context_tokens=32_768,
        kv_bytes_per_token=2 * 28 * 2 * 128 * 2,
    ),
)
LOCAL_MODELS: Final = {model.name: model for model in _MODELS}
DEFAULT_MODEL: Final = _MODELS[0].name
"""The model of `make run MODEL=local`."""
