"""The generated master key: generated once, private, never replaced, and not generated if another one is in use."""

from __future__ import annotations

import stat
from pathlib import Path

import psycopg
import pytest
from cryptography.fernet import Fernet

from server.settings.environment import SettingsError, load_settings
from server.settings.settings import Settings
from server.storage.state import first_master_key, master_keys, prepare_state_dir
from sql.pool import Pool
from tests.database import login_settings
from tests.memory.memories import STATEMENTS, Memories
from tests.server.server_process import command


def settings_in(folder: Path, **more: str) -> Settings:
    return load_settings({"TESSERA_STATE_DIR": str(folder), **more})


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_a_key_is_made_once_and_kept_private(pool: Pool, tmp_path: Path) -> None:
    settings = settings_in(tmp_path / "state")
    prepare_state_dir(settings.state_dir)
    assert master_keys(settings) is None
    assert names(settings.state_dir) == []
    keys, path = await first_master_key(settings, pool, STATEMENTS)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(settings.state_dir.stat().st_mode) == 0o700
    Fernet(keys[0])
    assert master_keys(settings) == (keys, path)
    # Two servers that start together get the same key too.
    assert await first_master_key(settings, pool, STATEMENTS) == (keys, path)
    assert names(settings.state_dir) == [path.name]


@pytest.mark.slow
async def test_no_key_is_generated_for_a_database_with_users_keys(pool: Pool, database: str, tmp_path: Path) -> None:
    await Memories(pool).person()
    settings = settings_in(tmp_path, **login_settings(database))
    with pytest.raises(SettingsError, match=r"MASTER_KEYS: unset, and .*master\.key does not exist, but"):
        await first_master_key(settings, pool, STATEMENTS)
    assert names(tmp_path) == []
    # The whole server refuses to start too.
    refused = command("run", **login_settings(database), TESSERA_STATE_DIR=str(tmp_path))
    assert refused.returncode == 2
    assert "set it to that key, or restore the file" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert names(tmp_path) == []


async def test_a_key_is_generated_if_no_user_has_a_key(pool: Pool, database: str, tmp_path: Path) -> None:
    await Memories(pool).person()
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute("UPDATE users SET encryption_key = NULL")
    _, path = await first_master_key(settings_in(tmp_path), pool, STATEMENTS)
    assert path.exists()


def test_keys_in_the_settings_create_no_file(tmp_path: Path) -> None:
    key = Fernet.generate_key().decode()
    settings = settings_in(tmp_path, TESSERA_MASTER_KEYS=key)
    assert master_keys(settings) == ([key], None)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("contents", ["", "\n", "not a key\n"])
def test_a_damaged_key_file_is_refused_and_not_changed(tmp_path: Path, contents: str) -> None:
    (tmp_path / "master.key").write_text(contents)
    with pytest.raises(SettingsError, match="contains no valid Fernet key"):
        master_keys(settings_in(tmp_path))
    assert (tmp_path / "master.key").read_text() == contents
