"""The settings of accounts: who may register, how long logins last, and who verifies addresses."""

from __future__ import annotations

from typing import Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, SecretStr, field_validator

from server.settings.fallback_models import check_model_key, check_model_url

OIDC_ALGORITHMS: Final = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
)
RegistrationMode = Literal["open", "invite", "off"]


class AccountSettings(BaseModel):
    """The part of the configuration that is about accounts; see `server.settings.Settings`."""

    refresh_token_days: float = Field(
        30, gt=0, le=3650, description="days after which a login ends if its refresh token is not used"
    )
    login_days: float = Field(365, gt=0, le=3650, description="days after which a login ends in any case")
    device_keep_days: float = Field(
        400,
        ge=30,
        le=3650,
        description="days after its last connection until a device is removed; at least TESSERA_LOGIN_DAYS",
    )
    registration: RegistrationMode = Field(
        "open", description="who may register: open (every person), invite (with a code of the command invite) or off"
    )
    email_webhook_url: str | None = Field(
        None,
        description="URL of the operator's service that mails registration codes; unset: addresses are not verified",
    )
    email_webhook_key: SecretStr | None = Field(
        None, description="bearer token for TESSERA_EMAIL_WEBHOOK_URL, sent only in a header"
    )
    oidc_issuer: str | None = Field(
        None,
        description="issuer of the operator's identity provider (OpenID Connect), whose access tokens are accepted too;"
        " unset: only tokens of this server",
    )
    jwks_url: str | None = Field(
        None, description="URL of the keys of TESSERA_OIDC_ISSUER; unset: the issuer's discovery document names it"
    )
    oidc_audience: list[str] = Field(
        default_factory=list,
        description="audiences of accepted tokens, comma separated; required with TESSERA_OIDC_ISSUER",
    )
    oidc_subject_claim: str = Field(
        "sub",
        min_length=1,
        description="claim of a token that identifies the user and never changes, such as sub or oid",
    )
    oidc_algorithms: list[str] = Field(
        default_factory=lambda: ["RS256", "ES256"],
        description="signature algorithms of accepted tokens, comma separated; only those with a public key",
    )
    oidc_leeway_s: float = Field(
        30, ge=0, le=600, description="seconds by which the clock of the identity provider may differ"
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

    @field_validator("oidc_issuer", "jwks_url")
    @classmethod
    def _provider_is_safe(cls, value: str | None) -> str | None:
        if value is not None:
            address = urlsplit(value)
            local = address.hostname in ("127.0.0.1", "::1", "localhost")
            if not address.hostname or not (address.scheme == "https" or (address.scheme == "http" and local)):
                raise ValueError("must be a URL with https; http is allowed for this machine only")
        return value

    @field_validator("oidc_audience", "oidc_algorithms", mode="before")
    @classmethod
    def _split_names(cls, value: Any) -> Any:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("oidc_algorithms")
    @classmethod
    def _algorithms_have_public_keys(cls, value: list[str]) -> list[str]:
        unknown = [name for name in value if name not in OIDC_ALGORITHMS]
        if unknown or not value:
            raise ValueError(f"may only contain {', '.join(OIDC_ALGORITHMS)}")
        return value
