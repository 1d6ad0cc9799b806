"""User accounts: registration, login, passwords and access tokens.

No message, log or repr contains a password, a hash or a token.
"""

from __future__ import annotations

from server.accounts.access import Access, AccessEnded, Authenticator
from server.accounts.accounts import (
    Accounts,
    BadCredentials,
    Email,
    EmailTaken,
    NoGuest,
    is_guest,
    normalise_email,
)
from server.accounts.credentials import (
    TOKEN_LABEL,
    AuthenticatedUser,
    Passwords,
    TokenExpired,
    TokenInvalid,
    Tokens,
)
from server.accounts.ended_access import EndedAccess
from server.accounts.hash_slots import HashingBusy, HashSource
from server.accounts.identity_provider import IdentityProvider, ProviderTerms, ProviderUnavailable
from server.accounts.invites import InviteRefused, Invites
from server.accounts.logins import DeviceEntry, Logins, LoginTokens, NoSuchDevice, RefreshTokenReused
from server.accounts.password_rules import PasswordRefused, check_password
from server.accounts.refresh_token import RefreshTokenInvalid
from server.accounts.registration import (
    EmailCodeRefused,
    EmailNotSent,
    EmailWebhook,
    Registration,
    RegistrationMode,
)
from server.accounts.signed_codes import CODE_LABEL, SignedCodes

__all__ = [
    "CODE_LABEL",
    "TOKEN_LABEL",
    "Access",
    "AccessEnded",
    "Accounts",
    "AuthenticatedUser",
    "Authenticator",
    "BadCredentials",
    "DeviceEntry",
    "Email",
    "EmailCodeRefused",
    "EmailNotSent",
    "EmailTaken",
    "EmailWebhook",
    "EndedAccess",
    "HashSource",
    "HashingBusy",
    "IdentityProvider",
    "InviteRefused",
    "Invites",
    "LoginTokens",
    "Logins",
    "NoGuest",
    "NoSuchDevice",
    "PasswordRefused",
    "Passwords",
    "ProviderTerms",
    "ProviderUnavailable",
    "RefreshTokenInvalid",
    "RefreshTokenReused",
    "Registration",
    "RegistrationMode",
    "SignedCodes",
    "TokenExpired",
    "TokenInvalid",
    "Tokens",
    "check_password",
    "is_guest",
    "normalise_email",
]
