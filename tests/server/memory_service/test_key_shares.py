"""Where the users' key shares are, by the settings."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from server.memory_service.setup import shares_folder
from server.settings.environment import load_settings

URL = {"TESSERA_DATABASE_URL": "postgresql://db.example/tessera"}
KEY = {"TESSERA_MASTER_KEYS": Fernet.generate_key().decode()}
STATE = {"TESSERA_STATE_DIR": "state"}


@pytest.mark.parametrize("settings", [{}, URL, KEY], ids=["embedded", "own database", "own master key"])
def test_they_are_in_the_state_folder_if_it_holds_what_must_not_be_lost(settings: dict[str, str]) -> None:
    assert shares_folder(load_settings(STATE | settings)) == Path("state/key-shares")


def test_they_are_off_only_if_the_state_folder_may_be_temporary() -> None:
    assert shares_folder(load_settings(STATE | URL | KEY)) is None
    chosen = {"TESSERA_KEY_SHARES_DIR": "shares"}
    for settings in ({}, URL, URL | KEY):
        assert shares_folder(load_settings(STATE | settings | chosen)) == Path("shares")
