"""User accounts: registration, login, passwords and access tokens.

No message, log or repr contains a password, a hash or a token.
"""

from __future__ import annotations

from server.accounts.accounts import (
    Accounts,
    BadCredentials,
    Email,
    EmailTaken,
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

__all__ = [
    "TOKEN_LABEL",
    "Accounts",
    "AuthenticatedUser",
    "BadCredentials",
    "Email",
    "EmailTaken",
    "Passwords",
    "TokenExpired",
    "TokenInvalid",
    "Tokens",
    "normalise_email",
]
