"""The settings of accounts: who may register, how long logins last, and who verifies addresses."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field, SecretStr, field_validator

from server.settings.fallback_models import check_model_key, check_model_url

RegistrationMode = Literal["open", "invite", "off"]


class AccountSettings(BaseModel):
    """The part of the configuration that is about accounts; see `server.settings.Settings`."""

    refresh_token_days: float = Field(
        30, gt=0, le=3650, description="days after which a login ends if its refresh token is not used"
    )
    login_days: float = Field(365, gt=0, le=3650, description="days after which a login ends in any case")
    registration: RegistrationMode = Field(
        "open", description="who may register: open (everybody), invite (with a code of the command invite) or off"
    )
    email_webhook_url: str | None = Field(
        None,
        description="URL of the operator's service that mails registration codes; unset: addresses are not verified",
    )
    email_webhook_key: SecretStr | None = Field(
        None, description="bearer token for TESSERA_EMAIL_WEBHOOK_URL, sent only in a header"
    )
    access_token_ttl_s: int = Field(3600, ge=1, le=2_592_000, description="lifetime of an access token, in seconds")

    @field_validator("email_webhook_key")
    @classmethod
    def _webhook_key_fits_a_header(cls, value: SecretStr | None) -> SecretStr | None:
        return check_model_key(value)

    @field_validator("email_webhook_url")
    @classmethod
    def _webhook_url_is_http(cls, value: str | None) -> str | None:
        return value if value is None else check_model_url(value)
