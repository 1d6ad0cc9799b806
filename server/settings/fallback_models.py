"""The fallback models of the settings, which are called when the first model fails."""

from __future__ import annotations

import json
import re
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

DialectName = Literal["openai-chat", "openai-responses", "anthropic-messages", "gemini-native"]
ShapeName = Literal["auto", "hosted", "native", "schema"]
MAX_FALLBACKS: Final = 8
_UNFIT_FOR_URL: Final = re.compile(r"[\s\x00-\x1f\x7f]")


class FallbackModel(BaseModel):
    """One fallback model. Without `url` it is a model of the first model's provider, with its key and dialect.

    With `url` it has its own `key`, or none: a key is never sent to another provider. Without `shape` it has the
    setting of the first model.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: str = Field(min_length=1)
    url: str | None = None
    key: SecretStr | None = None
    dialect: DialectName | None = None
    shape: ShapeName | None = None

    @field_validator("url")
    @classmethod
    def _url_is_http(cls, value: str | None) -> str | None:
        return value if value is None else check_model_url(value)

    @field_validator("key")
    @classmethod
    def _key_fits_a_header(cls, value: SecretStr | None) -> SecretStr | None:
        return check_model_key(value)

    @model_validator(mode="after")
    def _fits_together(self) -> FallbackModel:
        if self.url is None and (self.key is not None or self.dialect is not None):
            raise ValueError("key and dialect need a url; without one, those of the first model are used")
        return self


def check_model_url(value: str) -> str:
    """`value` if it is an HTTP URL without user, query and fragment. Raises ValueError that says what is expected."""
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or _UNFIT_FOR_URL.search(value):
        raise ValueError("must be an http:// or https:// URL")
    # The URL is printed and logged, so it must not contain secrets. The API's path is appended to it.
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("must have no user, query or fragment; set the key in its own setting")
    return value


def check_model_key(value: SecretStr | None) -> SecretStr | None:
    """`value` if it is valid in a header. Raises ValueError that does not contain it."""
    text = value.get_secret_value() if value is not None else ""
    if not (text.isascii() and all(character.isprintable() and character != " " for character in text)):
        raise ValueError("must consist of visible ASCII characters")
    return value


def parse_fallbacks(value: Any) -> Any:
    """The models in the JSON text `value`; other types are returned unchanged. Raises ValueError without any value."""
    if not isinstance(value, str):
        return value
    try:
        entries = json.loads(value)
    except (ValueError, RecursionError):
        raise ValueError('must be a JSON list such as [{"name": "small"}]') from None
    if not isinstance(entries, list) or len(entries) > MAX_FALLBACKS:
        raise ValueError(f"must be a JSON list of at most {MAX_FALLBACKS} models")
    models = []
    for number, entry in enumerate(entries, start=1):
        try:
            models.append(FallbackModel.model_validate(entry))
        except ValidationError as error:
            fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
            path = "".join(f"{name}: " for name in fault["loc"])
            raise ValueError(f"entry {number}: {path}{fault['msg'].removeprefix('Value error, ')}") from None
    return models
