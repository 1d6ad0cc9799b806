"""Reads the settings from `TESSERA_*` environment variables, and reports all mistakes together."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Final

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from server.settings.settings import Settings

PREFIX: Final = "TESSERA_"
# The terminal client's variables, which may be set in the same shell.
CLIENT_PREFIX: Final = "TESSERA_CLIENT_"


class SettingsError(Exception):
    """The environment is not a valid configuration. `mistakes` has one line per setting, which names it."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("; ".join(mistakes))
        self.mistakes = mistakes


def load_settings(environ: Mapping[str, str]) -> Settings:
    """The settings in `environ`; empty variables count as unset.

    Raises `SettingsError` that names every mistake. It contains no values, which may be secrets.
    """
    given = {name: value for name, value in environ.items() if name.startswith(PREFIX) and value != ""}
    known = {PREFIX + name.upper(): name for name in Settings.model_fields}
    mistakes = []
    for name in sorted(name for name in given.keys() - known.keys() if not name.startswith(CLIENT_PREFIX)):
        close = difflib.get_close_matches(name, known, n=1)
        mistakes.append(f"{name}: no such setting" + (f"; did you mean {close[0]}?" if close else ""))
    fields = {known[name]: value for name, value in given.items() if name in known}
    try:
        settings = Settings.model_validate(fields)
    except ValidationError as error:
        mistakes += [
            f"{PREFIX}{str(fault['loc'][0]).upper()}: {_sentence(fault['msg'])}"
            for fault in error.errors(include_url=False, include_input=False, include_context=False)
        ]
    mistakes += _conflicts(fields)
    if mistakes:
        raise SettingsError(mistakes)
    return settings


def describe_settings() -> str:
    """One line per variable with its meaning and default, for `--help`."""
    lines = [
        f"  {PREFIX}{name.upper():<30} {field.description} [{default_text(field)}]"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(lines)


def default_text(field: FieldInfo) -> str:
    """The field's default as one would write it in a variable; "unset" if there is none."""
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None or value == []:
        return "unset"
    if isinstance(value, list):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _conflicts(given: Mapping[str, str]) -> Iterator[str]:
    """Settings that are valid alone and not together. `given` has the values of the set variables by field name."""
    if "local_model" in given:
        for name in ("model_url", "demo_replay"):
            if name in given:
                yield f"{PREFIX}{name.upper()}: has no effect with {PREFIX}LOCAL_MODEL; unset one of them"
        if given.get("workers", "1") != "1":
            yield f"{PREFIX}WORKERS: must be 1 with {PREFIX}LOCAL_MODEL, because each worker would load the model"
    if "model_url" in given:
        if "model_name" not in given:
            yield f"{PREFIX}MODEL_NAME: must be set because {PREFIX}MODEL_URL is set"
        if "demo_replay" in given:
            yield f"{PREFIX}DEMO_REPLAY: has no effect with {PREFIX}MODEL_URL; unset one of them"
    else:
        for name in ("model_key", "model_name", "router_model_name", "fallback_models", "memory_model_name"):
            if name in given:
                yield f"{PREFIX}{name.upper()}: has no effect without {PREFIX}MODEL_URL; set both or neither"
    yield from _provider_conflicts(given)
    if ("tls_cert" in given) != ("tls_key" in given):
        yield f"{PREFIX}TLS_CERT: requires {PREFIX}TLS_KEY, and the reverse; set both or neither"
    yield from _missing(given)
    yield from _too_short(given)
    if ("embedding_url" in given) != ("embedding_model_name" in given):
        yield f"{PREFIX}EMBEDDING_URL: requires {PREFIX}EMBEDDING_MODEL_NAME, and the reverse; set both or neither"
    http_bind = given.get("http_bind", Settings.model_fields["http_bind"].default)
    if given.get("ws_bind", Settings.model_fields["ws_bind"].default) == http_bind and not http_bind.endswith(":0"):
        yield f"{PREFIX}WS_BIND: must differ from {PREFIX}HTTP_BIND"


def _too_short(given: Mapping[str, str]) -> Iterator[str]:
    """A device that was revoked must be known for as long as a login from before may last."""
    try:
        kept, login = (
            float(given.get(name, Settings.model_fields[name].default)) for name in ("device_keep_days", "login_days")
        )
    except ValueError:
        return  # reported already
    if kept < login:
        yield f"{PREFIX}DEVICE_KEEP_DAYS: {kept:g} is less than {PREFIX}LOGIN_DAYS, {login:g}: raise it to that or more"


def _missing(given: Mapping[str, str]) -> Iterator[str]:
    for name, needed in (("record_contents", "record_dir"), ("database_listen_url", "database_url")):
        if name in given and needed not in given:
            yield f"{PREFIX}{name.upper()}: has no effect without {PREFIX}{needed.upper()}; set both or neither"


def _provider_conflicts(given: Mapping[str, str]) -> Iterator[str]:
    if ("oidc_issuer" in given) != ("oidc_audience" in given):
        yield f"{PREFIX}OIDC_ISSUER: requires {PREFIX}OIDC_AUDIENCE, and the reverse; set both or neither"
    if "jwks_url" in given and "oidc_issuer" not in given:
        yield f"{PREFIX}JWKS_URL: has no effect without {PREFIX}OIDC_ISSUER; set both or neither"


def _sentence(message: str) -> str:
    return message.removeprefix("Value error, ").removeprefix("Input ")
