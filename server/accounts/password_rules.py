"""Which passwords a new account may have: not too short, not the address, and not one of the most common.

Kinds of characters are not prescribed (NIST SP 800-63B, 3.1.1.2): they make passwords easier to guess.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from pathlib import Path
from typing import Final

MIN_CHARS: Final = 8
MAX_CHARS: Final = 1024
_LIST: Final = Path(__file__).with_name("common_passwords.txt")
_MIN_NAME: Final = 4


class PasswordRefused(Exception):
    """The password is too easy to guess. The message says why, and does not contain it."""


def check_password(password: str, email: str | None) -> None:
    """Raise `PasswordRefused` if the password may not be used with this address."""
    if len(password) < MIN_CHARS:
        raise PasswordRefused(f"The password must have at least {MIN_CHARS} characters.")
    if len(password) > MAX_CHARS:
        raise PasswordRefused(f"The password may have at most {MAX_CHARS} characters.")
    plain = _plain(password)
    if len(set(plain)) == 1:
        raise PasswordRefused("The password is one character, repeated. Choose another one.")
    if email is not None and _is_of_address(plain, _plain(email)):
        raise PasswordRefused("The password is your e-mail address or a part of it. Choose another one.")
    if plain in common_passwords():
        raise PasswordRefused("This is one of the 10,000 most common passwords. Choose another one.")


@cache
def common_passwords() -> frozenset[str]:
    """The 10,000 most common passwords, in lower case. The file says where they are from."""
    lines = _LIST.read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#!"))


def _is_of_address(plain: str, email: str) -> bool:
    name, _, host = email.partition("@")
    bare = plain.rstrip("0123456789!?.")
    parts = {email, name, host, host.rpartition(".")[0]}
    return any(len(part) >= _MIN_NAME and part in (plain, bare) for part in parts)


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().strip()
