"""`TESSERA_LOCAL_MODEL` with a real file: the server starts llama.cpp, answers, survives its death, and ends it."""

from __future__ import annotations

import hashlib
import os
import signal
from functools import partial
from pathlib import Path

import httpx
import psutil
import pytest
import trio
from cryptography.fernet import Fernet

from client.terminal.account import register
from model_files import ModelFile
from server.banner import banner
from server.local_model import LocalModel, fetch_local_model
from server.main import serve
from server.settings.environment import load_settings
from server.startup import Running
from tests.database import login_settings
from tests.local_model.process import model_file
from tests.server.tessera import PASSWORD, Tessera

pytestmark = [pytest.mark.local_model, pytest.mark.timeout(1500)]


async def test_a_model_of_this_machine(database: str, tmp_path: Path) -> None:
    file = model_file()
    if file is None:
        pytest.skip("no local model is installed; `make test-model` installs one")
    smollm2 = LocalModel(
        name="smollm2-135m",
        repository="HuggingFaceTB/SmolLM2-135M-Instruct",
        file=ModelFile(file.name, hashlib.sha256(file.read_bytes()).hexdigest(), file.stat().st_size),
        license="Apache-2.0",
        bytes_about=file.stat().st_size,
        context_tokens=8192,
        kv_bytes_per_token=2 * 30 * 3 * 64 * 2,
    )
    assert fetch_local_model(tmp_path, smollm2, folder=file.parent, offline=True) == str(file.parent)
    environment = {
        "TESSERA_STATE_DIR": str(tmp_path),
        **login_settings(database),
        "TESSERA_MASTER_KEYS": Fernet.generate_key().decode(),
        "TESSERA_HTTP_BIND": "127.0.0.1:0",
        "TESSERA_WS_BIND": "127.0.0.1:0",
        "TESSERA_LOCAL_MODEL": smollm2.name,
        "TESSERA_MODEL_MAX_OUTPUT_TOKENS": "64",  # the model writes until the limit
        "TESSERA_REQUEST_TIMEOUT_S": "480",
    }
    stop = trio.Event()
    async with trio.open_nursery() as nursery:
        running: Running = await nursery.start(
            partial(serve, load_settings(environment), stop=stop, local_models={smollm2.name: smollm2})
        )
        assert "smollm2-135m on this machine with llama.cpp" in banner(running)
        account = await register(running.rest_url, "ann@example.com", PASSWORD)
        tessera = Tessera(running, None, stop)  # type: ignore[arg-type]
        assert await answered(tessera, account.access_token)
        child = llama_process()
        os.kill(child.pid, signal.SIGKILL)
        with trio.fail_after(900):
            # The process needs a moment to load the model, and a busy machine minutes for the answer.
            while not await answered(tessera, account.access_token):  # noqa: ASYNC110
                await trio.sleep(0.5)
        again = llama_process()
        assert again.pid != child.pid
        stop.set()
    assert not again.is_running()


async def answered(tessera: Tessera, token: str) -> bool:
    """Whether the model wrote an answer, which may be cut by the token limit or have nothing that can be shown."""
    # Slow on a busy machine: the model reads a few dozen tokens of the prompt per second.
    async with httpx.AsyncClient(timeout=500) as client:
        response = await client.post(
            f"{tessera.rest_url}/api/v1/chat", json={"message": "hello"}, headers={"Authorization": f"Bearer {token}"}
        )
    body = response.json()
    # A model of 135M parameters may write endless text or only invalid blocks. The server then says so.
    nonsense = body.get("error", {}).get("code") in {"answer_cut", "empty_answer"}
    return bool((response.status_code == 200 or nonsense) and body["usage"]["output_tokens"] > 0)


def llama_process() -> psutil.Process:
    children = psutil.Process().children()
    return next(child for child in children if "server.local_model.llama_server" in child.cmdline())
