"""The models that answer when the first one does not, as the settings list them."""

from __future__ import annotations

import json
import re
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

DialectName = Literal["openai-chat", "openai-responses", "anthropic-messages", "gemini-native"]
MAX_FALLBACKS: Final = 8
_UNFIT_FOR_URL: Final = re.compile(r"[\s\x00-\x1f\x7f]")


class FallbackModel(BaseModel):
    """One model. Without `url` it is another model of the first one's provider, with its key and dialect.

    With a `url` of its own it has a key of its own, or none: a key is never sent to another provider.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: str = Field(min_length=1)
    url: str | None = None
    key: SecretStr | None = None
    dialect: DialectName | None = None

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
            raise ValueError("key and dialect go with a url")
        return self


def check_model_url(value: str) -> str:
    """`value`, if it is the URL of a web server and no more. Raises ValueError that says what is expected."""
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or _UNFIT_FOR_URL.search(value):
        raise ValueError("must be an http:// or https:// URL")
    # It is printed and logged, so it may hold no secret; and the API's own path is put behind it.
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("may have no user, query or fragment; a key has a setting of its own")
    return value


def check_model_key(value: SecretStr | None) -> SecretStr | None:
    """`value`, if a header can carry it. Raises ValueError that does not show it."""
    text = value.get_secret_value() if value is not None else ""
    if not (text.isascii() and all(character.isprintable() and character != " " for character in text)):
        raise ValueError("must consist of visible ASCII characters")
    return value


def parse_fallbacks(value: Any) -> Any:
    """The list in the JSON text `value`; what is no text is returned. Raises ValueError that repeats no value."""
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
            place = "".join(f"{name}: " for name in fault["loc"])
            raise ValueError(f"entry {number}: {place}{fault['msg'].removeprefix('Value error, ')}") from None
    return models
