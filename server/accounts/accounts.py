"""The people who use the server: making an account, logging in, and which devices they come from."""

from __future__ import annotations

from typing import NewType
from uuid import UUID, uuid4

from email_validator import EmailNotValidError, validate_email

from memory.keys import UserKeys
from server.accounts.credentials import Passwords
from sql.driver import UnknownReference
from sql.pool import Pool
from sql.statements import Statements
from sql.tenant import scoped, scoped_to_email
from streaming.wire import WsClientInfo

Email = NewType("Email", str)
"""An e-mail address as `normalise_email` returns it: the form in which two spellings of one address are equal."""


class EmailTaken(Exception):
    """There is an account with this e-mail."""

    def __init__(self) -> None:
        super().__init__("There is an account with this e-mail already; log in instead.")


class UnknownUser(Exception):
    """There is no such user any more."""

    def __init__(self) -> None:
        super().__init__("This account no longer exists.")


class BadCredentials(Exception):
    """No account has this e-mail and this password. Which of the two is wrong is not said."""

    def __init__(self) -> None:
        super().__init__("The e-mail or the password is wrong.")


def normalise_email(value: str) -> Email:
    """`value` in the form that is stored. Raises ValueError with a sentence when it is not an address. No DNS is asked.

    Names that only a local network knows (`ann@nas`) are addresses too: the server sends no mail.
    """
    try:
        address = validate_email(value.strip(), check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError as error:
        raise ValueError(str(error)) from None
    # The standard lets a host tell `Ann` from `ann`; none does, and people do not.
    return Email(address.normalized.lower())


class Accounts:
    """Accounts in the database. Passwords are never kept; no connection is held while one is hashed."""

    def __init__(self, pool: Pool, statements: Statements, passwords: Passwords, keys: UserKeys) -> None:
        self._pool = pool
        self._statements = statements
        self._passwords = passwords
        self._keys = keys

    async def register(self, email: Email, password: str) -> UUID:
        """Make an account with a new wrapped encryption key, and return the user's id. Raises `EmailTaken`.

        Of several registrations of one e-mail at once, exactly one succeeds.
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
        """The id of the user with this e-mail and password. Raises `BadCredentials`, after the same work either way."""
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

    async def touch_device(self, user_id: UUID, device_id: UUID, client: WsClientInfo) -> bool:
        """Record that this device of the user's is here now, and what it runs. Returns whether it is new.

        Raises `UnknownUser` when there is no such user (any more).
        """
        values = {
            "user_id": user_id,
            "device_id": device_id,
            "client_name": _text(client.name),
            "client_version": _text(client.version),
            "client_platform": _text(client.platform),
        }
        try:
            async with scoped(self._pool, user_id) as connection:
                upserted = await connection.execute(self._statements["device_upsert"], values)
        except UnknownReference:
            raise UnknownUser from None
        row = await upserted.fetchone()
        return bool(row and row[0])


def _text(value: str) -> str:
    # PostgreSQL's text holds any character but this one, and a device may send it.
    return value.replace("\x00", "")
