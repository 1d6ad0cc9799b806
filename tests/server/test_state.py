"""The generated master key: made once, kept private, never replaced."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from server.settings import Settings, SettingsError, load_settings
from server.state import master_keys, prepare_state_dir


def settings_in(folder: Path, **more: str) -> Settings:
    return load_settings({"TESSERA_STATE_DIR": str(folder), **more})


def test_a_key_is_made_once_and_kept_private(tmp_path: Path) -> None:
    settings = settings_in(tmp_path / "state")
    prepare_state_dir(settings.state_dir)
    keys, path = master_keys(settings)
    assert path is not None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(settings.state_dir.stat().st_mode) == 0o700
    Fernet(keys[0])
    assert master_keys(settings) == (keys, path)
    assert [entry.name for entry in settings.state_dir.iterdir()] == [path.name]


def test_keys_of_the_settings_leave_no_file(tmp_path: Path) -> None:
    key = Fernet.generate_key().decode()
    settings = settings_in(tmp_path, TESSERA_MASTER_KEYS=key)
    assert master_keys(settings) == ([key], None)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("contents", ["", "\n", "not a key\n"])
def test_a_damaged_key_file_is_refused_and_left_alone(tmp_path: Path, contents: str) -> None:
    (tmp_path / "master.key").write_text(contents)
    with pytest.raises(SettingsError, match="holds no Fernet key"):
        master_keys(settings_in(tmp_path))
    assert (tmp_path / "master.key").read_text() == contents
