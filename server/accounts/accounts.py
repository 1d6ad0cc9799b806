"""User accounts in the database: registration and login."""

from __future__ import annotations

from typing import NewType
from uuid import UUID, uuid4

from email_validator import EmailNotValidError, validate_email

from memory.keys import UserKeys
from server.accounts.credentials import Passwords
from sql.pool import Pool
from sql.statements import Statements
from sql.tenant import scoped, scoped_to_email

Email = NewType("Email", str)
"""An e-mail address as `normalise_email` returns it: the form in which two spellings of one address are equal."""


class EmailTaken(Exception):
    """An account with this e-mail address exists already."""

    def __init__(self) -> None:
        super().__init__("There is an account with this e-mail address already. Log in instead.")


class BadCredentials(Exception):
    """No account has this e-mail address and password. The message does not say which of the two is wrong."""

    def __init__(self) -> None:
        super().__init__("The e-mail address or the password is wrong.")


def normalise_email(value: str) -> Email:
    """`value` in the form that is stored. Raises ValueError with a sentence if it is not an address.

    Makes no DNS query. Accepts local host names (`ann@nas`), because the server sends no mail.
    """
    try:
        address = validate_email(value.strip(), check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError as error:
        raise ValueError(str(error)) from None
    # The standard allows hosts to distinguish `Ann` from `ann`; in practice neither hosts nor people do.
    return Email(address.normalized.lower())


class Accounts:
    """Accounts in the database. Stores only password hashes, and holds no connection during hashing."""

    def __init__(self, pool: Pool, statements: Statements, passwords: Passwords, keys: UserKeys) -> None:
        self._pool = pool
        self._statements = statements
        self._passwords = passwords
        self._keys = keys

    async def register(self, email: Email, password: str) -> UUID:
        """Create an account with a new wrapped encryption key, and return the user's id. Raises `EmailTaken`.

        Of several concurrent registrations of one e-mail address, exactly one succeeds.
        """
        password_hash = await self._passwords.hash(password)
        user_id = uuid4()
        key = await self._keys.make(user_id)
        values = {"user_id": user_id, "email": email, "password_hash": password_hash, "encryption_key": key.stored}
        async with scoped(self._pool, user_id) as connection:
            inserted = await connection.execute(self._statements["user_insert"], values)
        if await inserted.fetchone() is None:
            await self._keys.discard(user_id)
            raise EmailTaken
        return user_id

    async def login(self, email: Email, password: str) -> UUID:
        """The id of the user with this e-mail address and password.

        Raises `BadCredentials`. An unknown address takes the same time as a wrong password.
        """
        async with scoped_to_email(self._pool, email) as connection:
            found_by_email = await connection.execute(self._statements["user_by_email"], {"email": email})
        row = await found_by_email.fetchone()
        user_id, stored = (row[0], row[2]) if row is not None else (None, None)
        check = await self._passwords.check(password, stored)
        if not check.ok or user_id is None:
            raise BadCredentials
        if check.new_hash is not None:
            values = {"user_id": user_id, "old_hash": stored, "new_hash": check.new_hash}
            async with scoped(self._pool, user_id) as connection:
                await connection.execute(self._statements["user_rehash"], values)
        found: UUID = user_id
        return found
