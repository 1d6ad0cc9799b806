"""The table, the plan for a machine, the fetch, and the supervised process, here a script instead of llama.cpp."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
from functools import partial
from pathlib import Path

import pytest
import trio
import trio.testing
from structlog.testing import capture_logs

from agents.model import Models
from model_files import ModelFile, ModelMissing, has_content
from server.local_model import (
    DEFAULT_MODEL,
    LOCAL_MODELS,
    LocalModel,
    LocalModelFailed,
    Machine,
    Plan,
    ServedModel,
    fetch_local_model,
    local_model_file,
    plan,
    serve_local_model,
    this_machine,
)
from server.models import OpenModels
from server.settings.environment import SettingsError, load_settings
from tests.server.scripted_model import ScriptedModel

GB = 10**9
CONTENT = b"weights"
TINY = LocalModel(
    name="tiny",
    repository="Someone/Tiny",
    file=ModelFile("tiny.gguf", hashlib.sha256(CONTENT).hexdigest()),
    license="MIT",
    bytes_about=7,
    context_tokens=2048,
    kv_bytes_per_token=100,
)
FIT = Plan(threads=1, slots=1, context_tokens=2048)
# Obeys like the real process: reads its orders, prints its URL, and serves until its input is closed.
CHILD = """
import json, os, sys
orders = json.loads(sys.stdin.readline())
if orders["name"] == "broken": sys.exit(3)
print(f"http://127.0.0.1:{orders['port'] or 4711}/v1", flush=True)
open(orders["file"], "a").write(f"{os.getpid()} {orders['port']} {orders['key']}\\n")
sys.stdin.read()
"""
COMMAND = (sys.executable, "-c", CHILD)


def test_the_table_names_files_of_the_hub_by_their_digest() -> None:
    model = LOCAL_MODELS[DEFAULT_MODEL]
    assert model.url == (
        "https://huggingface.co/Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF/resolve/main/"
        "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf"
    )
    assert all(len(model.file.sha256) == 64 and model.license for model in LOCAL_MODELS.values())


@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        (Machine(1, 4 * GB), Plan(1, 1, 8192)),
        (Machine(2, 16 * GB), Plan(2, 1, 8192)),
        (Machine(4, 16 * GB), Plan(3, 1, 8192)),
        (Machine(4, 16 * GB, busy=6.0), Plan(3, 1, 8192)),
        (Machine(4, 16 * GB, busy=6.1), Plan(1, 1, 8192)),
        (Machine(8, 16 * GB), Plan(7, 2, 8192)),
        (Machine(64, 64 * GB), Plan(63, 4, 8192)),
        (Machine(8, int(1.99 * GB)), Plan(7, 1, 8192)),
        (Machine(8, int(1.9 * GB)), Plan(7, 1, 4096)),
    ],
)
def test_the_settings_fit_the_machine(machine: Machine, expected: Plan) -> None:
    assert plan(LOCAL_MODELS[DEFAULT_MODEL], machine) == expected


def test_too_little_memory_is_said() -> None:
    with pytest.raises(LocalModelFailed, match=r"needs 1\.8 GB of free memory; 1\.0 GB are free"):
        plan(LOCAL_MODELS[DEFAULT_MODEL], Machine(2, GB))


def test_this_machine_has_cores_and_memory() -> None:
    machine = this_machine()
    assert 1 <= machine.cores <= (os.cpu_count() or 1)
    assert machine.memory_bytes > 10_000_000


def test_a_context_is_never_longer_than_the_model_was_trained_for() -> None:
    assert plan(TINY, Machine(2, GB)) == Plan(2, 1, 2048)


def test_the_file_comes_from_a_folder_and_is_checked(tmp_path: Path) -> None:
    state, folder = tmp_path / "state", tmp_path / "folder"
    folder.mkdir()
    (folder / TINY.file.name).write_bytes(b"weightz")
    with pytest.raises(ModelMissing, match=f"no source has tiny.gguf .*{folder}/tiny.gguf has another SHA-256"):
        fetch_local_model(state, TINY, folder=folder, offline=True)
    with pytest.raises(ModelMissing, match=r"elsewhere/tiny.gguf does not exist.*Download https://.*--from FOLDER"):
        fetch_local_model(state, TINY, folder=tmp_path / "elsewhere", offline=True)
    (folder / TINY.file.name).write_bytes(CONTENT)
    assert fetch_local_model(state, TINY, folder=folder, offline=True) == str(folder)
    assert has_content(TINY.file, local_model_file(state, TINY))
    assert fetch_local_model(state, TINY, offline=True) == "already there"


def test_a_hub_out_of_reach_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="the model hub failed with ConnectError"):
        fetch_local_model(tmp_path, TINY, url="http://127.0.0.1:9/tiny.gguf")


async def test_the_process_is_restarted_on_its_port_and_ends_with_the_server(tmp_path: Path) -> None:
    file = tmp_path / "started"
    file.touch()

    async def starts(count: int) -> list[list[str]]:
        with trio.fail_after(30):
            # Another process writes the file.
            while len(lines := file.read_text().splitlines()) < count:  # noqa: ASYNC110
                await trio.sleep(0.01)
        return [line.split() for line in lines]

    with capture_logs() as logs:
        async with trio.open_nursery() as nursery:
            served = await nursery.start(
                partial(serve_local_model, TINY, file, FIT, command=COMMAND, first_delay_s=0.0)
            )
            assert served.url == "http://127.0.0.1:4711/v1"
            assert served.key not in repr(served)
            first = (await starts(1))[0]
            assert served.ready
            os.kill(int(first[0]), signal.SIGKILL)
            with trio.fail_after(30):
                while served.ready:  # noqa: ASYNC110 - the death of another process
                    await trio.sleep(0.001)
            second = (await starts(2))[1]
            with trio.fail_after(30):
                while not served.ready:  # noqa: ASYNC110 - the start of another process
                    await trio.sleep(0.001)
            nursery.cancel_scope.cancel()
    assert first[1:] == ["0", served.key]
    assert second[1:] == ["4711", served.key]
    for pid in (first[0], second[0]):
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)
    assert [entry["event"] for entry in logs] == ["local_model_ready", "local_model_died", "local_model_ready"]
    assert served.key not in str(logs)


async def test_a_model_that_does_not_start_is_an_error(tmp_path: Path) -> None:
    broken = LocalModel("broken", *(getattr(TINY, name) for name in TINY.__slots__[1:]))
    with pytest.raises(LocalModelFailed, match="could not serve the model broken"):
        await serve_local_model(broken, tmp_path, FIT, command=COMMAND)


@pytest.mark.parametrize(
    ("setting", "value", "mistake"),
    [
        ("MODEL_URL", "http://127.0.0.1:1/v1", "TESSERA_MODEL_URL: has no effect with TESSERA_LOCAL_MODEL"),
        ("WORKERS", "2", "TESSERA_WORKERS: must be 1 with TESSERA_LOCAL_MODEL"),
    ],
)
def test_settings_that_do_not_fit_a_local_model(setting: str, value: str, mistake: str) -> None:
    with pytest.raises(SettingsError, match=mistake):
        load_settings({"TESSERA_LOCAL_MODEL": "tiny", f"TESSERA_{setting}": value, "TESSERA_MODEL_NAME": "x"})


async def test_readyz_says_that_the_process_is_being_started_again() -> None:
    served = ServedModel("http://127.0.0.1:1/v1", "k")
    models = Models(ScriptedModel(), ScriptedModel())
    opened = OpenModels(models, "tiny", local=served)
    assert await opened.fault() is None
    served.ready = False
    assert await opened.fault() == "the process of the local model has died and is being started again"
