"""Settings from the environment: all mistakes are reported together, by name and without values."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from pydantic import ValidationError

from server.net.listeners import parse_bind
from server.settings.environment import SettingsError, default_text, describe_settings, load_settings
from server.settings.settings import Settings

KEY = Fernet.generate_key().decode()


def mistakes(**environ: str) -> list[str]:
    with pytest.raises(SettingsError) as error:
        load_settings(environ)
    return error.value.mistakes


def test_an_empty_environment_is_valid() -> None:
    settings = load_settings({"PATH": "/bin"})
    assert settings.http_bind == "127.0.0.1:8000"
    assert settings.ws_bind == "127.0.0.1:8765"
    assert settings.database_url is None


def test_values_are_read_and_empty_ones_count_as_unset() -> None:
    settings = load_settings(
        {
            "TESSERA_MASTER_KEYS": f"{KEY}, {Fernet.generate_key().decode()}",
            "TESSERA_MODEL_URL": "http://127.0.0.1:11434/v1",
            "TESSERA_MODEL_NAME": "small",
            "TESSERA_MAX_CONCURRENT_REQUESTS": "4",
            "TESSERA_LOG_LEVEL": "",
        }
    )
    assert settings.master_keys[0].get_secret_value() == KEY
    assert len(settings.master_keys) == 2
    assert settings.max_concurrent_requests == 4
    assert settings.log_level == "info"


def test_all_mistakes_are_listed_at_once_by_name() -> None:
    found = mistakes(
        TESSERA_HTTP_BIND="8000",
        TESSERA_WS_BIND="127.0.0.1:99999",
        TESSERA_MAX_CONCURRENT_REQUESTS="0",
        TESSERA_LOG_LEVEL="loud",
        TESSERA_MASTER_KEYS=f"{KEY},short",
        TESSERA_MODEL_URL="ftp://x",
        TESSERA_DATABASE_URL="mysql://x",
        TESSERA_DEMO_REPLAY="/no/such/file",
        TESSERA_WS_BNID="127.0.0.1:1",
    )
    names = {line.split(":")[0] for line in found}
    assert names == {
        "TESSERA_HTTP_BIND",
        "TESSERA_WS_BIND",
        "TESSERA_MAX_CONCURRENT_REQUESTS",
        "TESSERA_LOG_LEVEL",
        "TESSERA_MASTER_KEYS",
        "TESSERA_MODEL_URL",
        "TESSERA_MODEL_NAME",
        "TESSERA_DATABASE_URL",
        "TESSERA_DEMO_REPLAY",
        "TESSERA_WS_BNID",
    }
    assert "TESSERA_WS_BNID: no such setting; did you mean TESSERA_WS_BIND?" in found


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"TESSERA_MODEL_URL": "http://x"}, "TESSERA_MODEL_NAME: must be set because TESSERA_MODEL_URL is set"),
        (
            {"TESSERA_MODEL_KEY": "secret-key"},
            "TESSERA_MODEL_KEY: has no effect without TESSERA_MODEL_URL; set both or neither",
        ),
        (
            {"TESSERA_HTTP_BIND": "[::1]:9000", "TESSERA_WS_BIND": "[::1]:9000"},
            "TESSERA_WS_BIND: must differ from TESSERA_HTTP_BIND",
        ),
    ],
)
def test_settings_that_do_not_fit_together(environ: dict[str, str], expected: str) -> None:
    assert mistakes(**environ) == [expected]


def test_mistakes_of_one_kind_do_not_hide_the_other() -> None:
    found = mistakes(TESSERA_HTTP_BIND="x", TESSERA_MODEL_NAME="q")
    assert {line.split(":")[0] for line in found} == {"TESSERA_HTTP_BIND", "TESSERA_MODEL_NAME"}


@pytest.mark.parametrize(
    "url", ["http://", "http://exa mple/v1", "ftp://h", "https://bob:hunter2@h/v1", "http://h/?k=1"]
)
def test_a_model_url_that_is_invalid_or_contains_a_secret(url: str) -> None:
    (mistake,) = mistakes(TESSERA_MODEL_URL=url, TESSERA_MODEL_NAME="m")
    assert mistake.startswith("TESSERA_MODEL_URL: ")
    assert "hunter2" not in mistake


def test_a_key_listed_twice_is_a_mistake() -> None:
    assert mistakes(TESSERA_MASTER_KEYS=f"{KEY},{KEY}") == [
        "TESSERA_MASTER_KEYS: the same key is listed twice; remove one"
    ]


def test_the_clients_variables_are_accepted() -> None:
    load_settings({"TESSERA_CLIENT_PASSWORD": "hunter2"})


@pytest.mark.parametrize(
    "environ",
    [
        {"TESSERA_MASTER_KEYS": "hunter2-hunter2"},
        {"TESSERA_DATABASE_URL": "mysql://app:hunter2@db/app"},
        {"TESSERA_MODEL_KEY": "hunter2 with spaces", "TESSERA_MODEL_URL": "http://x", "TESSERA_MODEL_NAME": "m"},
    ],
)
def test_no_mistake_repeats_a_secret(environ: dict[str, str]) -> None:
    assert "hunter2" not in "".join(mistakes(**environ))


def test_no_secret_is_in_the_repr_or_the_dump() -> None:
    settings = load_settings({"TESSERA_MASTER_KEYS": KEY, "TESSERA_DATABASE_URL": "postgresql://app:hunter2@db/app"})
    for text in (repr(settings), str(settings.model_dump())):
        assert KEY not in text
        assert "hunter2" not in text


@pytest.mark.parametrize(
    ("text", "address"),
    [("127.0.0.1:8000", ("127.0.0.1", 8000)), ("[::1]:0", ("::1", 0)), ("localhost:80", ("localhost", 80))],
)
def test_binds(text: str, address: tuple[str, int]) -> None:
    assert parse_bind(text) == address


@pytest.mark.parametrize("text", ["", ":80", "host", "host:", "host:x", "host:65536", "[::1]", "[x]:80", "host:-1"])
def test_invalid_binds(text: str) -> None:
    with pytest.raises(ValueError, match=r"HOST:PORT|IPv6|Only hex|At least"):
        parse_bind(text)


def test_every_setting_is_described() -> None:
    described = describe_settings()
    for name, field in Settings.model_fields.items():
        assert f"TESSERA_{name.upper()} " in described
        assert field.description


def test_the_operations_page_has_every_setting_with_its_default_and_description() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "operations.md").read_text()
    rows = dict(re.findall(r"^\| `TESSERA_(\w+)` \| (.*) \|$", page, re.MULTILINE))
    # A row may end with a link to a longer explanation.
    found = {name.lower(): row.partition(": see [")[0] for name, row in rows.items()}
    assert found == {
        name: f"{default_text(field)} | {field.description}" for name, field in Settings.model_fields.items()
    }


def test_unknown_fields_and_changes_are_rejected() -> None:
    settings = load_settings({})
    with pytest.raises(ValidationError, match="frozen"):
        settings.workers = 2  # type: ignore[misc]  # what this test is about
    with pytest.raises(ValidationError, match="no_such"):
        Settings.model_validate({"no_such": 1})
