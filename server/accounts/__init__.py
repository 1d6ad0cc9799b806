"""User accounts: registration, login, and the passwords and access tokens that prove who calls.

No password, hash or token is ever part of a message or a repr.
"""

from __future__ import annotations

from server.accounts.accounts import (
    Accounts,
    BadCredentials,
    Email,
    EmailTaken,
    UnknownUser,
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
    "UnknownUser",
    "normalise_email",
]
