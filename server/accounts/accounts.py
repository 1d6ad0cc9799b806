"""User accounts in the database: registration and login."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NewType
from uuid import UUID, uuid4

from email_validator import EmailNotValidError, validate_email

from memory.keys import UserKeys
from server.accounts.credentials import Passwords
from server.accounts.ended_access import EndedAccess
from server.accounts.hash_slots import NO_SOURCE, HashSource
from server.accounts.invites import InviteRefused, Invites
from server.accounts.logins import Logins
from server.accounts.password_rules import check_password
from sql.driver import Connection
from sql.pool import Pool
from sql.statements import Statements
from sql.tenant import scoped, scoped_to_email

Email = NewType("Email", str)
"""An e-mail address as `normalise_email` returns it: the form in which two spellings of one address are equal."""


class EmailTaken(Exception):
    """An account with this e-mail address exists already."""

    def __init__(self) -> None:
        super().__init__("There is an account with this e-mail address already. Log in instead.")


class NoGuest(Exception):
    """The account has an address that a person chose, or is one of the identity provider."""

    def __init__(self) -> None:
        super().__init__("This account is not a guest account: it has an e-mail address or an identity provider.")


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


def is_guest(email: str | None) -> bool:
    """Whether an account with this address was created without asking: `guest-<anything>@guest`.

    No mail reaches such an address, because `guest` is not a registered domain.
    """
    return email is not None and email.startswith("guest-") and email.endswith("@guest")


class Accounts:
    """Accounts in the database. Stores only password hashes, and holds no connection during hashing."""

    def __init__(self, pool: Pool, statements: Statements, passwords: Passwords, keys: UserKeys) -> None:
        self._pool = pool
        self._statements = statements
        self._passwords = passwords
        self._keys = keys

    async def register(
        self,
        email: Email,
        password: str,
        *,
        invite: tuple[Invites, str] | None = None,
        source: HashSource = NO_SOURCE,
    ) -> UUID:
        """Create an account with a new wrapped encryption key, and return the user's id. Raises `EmailTaken`.

        Of several concurrent registrations of one e-mail address, exactly one succeeds. `invite`: a code that is used
        up by the registration, and by nothing else; raises `InviteRefused`. `source`: who waits.
        """
        password_hash = await self._passwords.hash(password, source)
        user_id = uuid4()
        key = await self._keys.make(user_id)
        values = {"user_id": user_id, "email": email, "password_hash": password_hash, "encryption_key": key.stored}
        try:
            async with scoped(self._pool, user_id) as connection:
                if invite is not None:
                    await invite[0].use_in(connection, invite[1], email)
                # An error rolls back, so that the invite is not used up.
                await self._insert(connection, values)
        except (EmailTaken, InviteRefused):
            await self._keys.discard(user_id)
            raise
        return user_id

    async def _insert(self, connection: Connection, values: Mapping[str, object]) -> None:
        taken = await connection.execute(self._statements["account_insert"], values)
        if await taken.fetchone() is None:
            raise EmailTaken
        await connection.execute(self._statements["user_insert"], values)

    async def exists(self, email: Email) -> bool:
        """Whether an account has this address. For messages to the address only: a caller must not learn it."""
        async with scoped_to_email(self._pool, email) as connection:
            found = await connection.execute(self._statements["user_by_email"], {"email": email})
        return await found.fetchone() is not None

    async def create_external(self, user_id: UUID, issuer: str, subject: str) -> None:
        """Create a user of the identity provider, unless another task or server has just done so."""
        key = await self._keys.make(user_id)
        values = {"user_id": user_id, "issuer": issuer, "subject": subject, "encryption_key": key.stored}
        async with scoped(self._pool, user_id) as connection:
            inserted = await connection.execute(self._statements["user_insert_external"], values)
        if await inserted.fetchone() is None and key.share_id is not None:
            await self._keys.discard_share(user_id, key.share_id)

    async def check(
        self, user_id: UUID, password: str, source: HashSource = NO_SOURCE
    ) -> tuple[str | None, str | None]:
        """The user's address and password hash, if `password` is theirs. Raises `BadCredentials`.

        Both are None, and the password does not count, for a user of the identity provider.
        """
        async with scoped(self._pool, user_id) as connection:
            cursor = await connection.execute(self._statements["user_credentials"], {"user_id": user_id})
        row = await cursor.fetchone()
        if row is None:
            raise BadCredentials
        email, stored = row
        if stored is not None and not (await self._passwords.check(password, stored, source)).ok:
            raise BadCredentials
        return email, stored

    async def change_password(
        self, user_id: UUID, old: str, new: str, logins: Logins, *, keep: UUID | None, source: HashSource = NO_SOURCE
    ) -> EndedAccess:
        """Replace the password and end every login but `keep`, in one transaction.

        Raises `BadCredentials`, also if another task has just replaced the password, and `PasswordRefused`.
        """
        email, stored = await self.check(user_id, old, source)
        if stored is None:
            raise BadCredentials
        check_password(new, email)
        values = {"user_id": user_id, "old_hash": stored, "new_hash": await self._passwords.hash(new, source)}
        async with scoped(self._pool, user_id) as connection:
            changed = await connection.execute(self._statements["user_password_set"], values)
            if await changed.fetchone() is None:
                raise BadCredentials
            await logins.end_all_in(connection, user_id, keep=keep)
        return EndedAccess(user_id, keep=keep)

    async def name_guest(
        self,
        user_id: UUID,
        email: Email,
        password: str,
        *,
        invite: tuple[Invites, str] | None = None,
        source: HashSource = NO_SOURCE,
    ) -> None:
        """Give a guest account an address and a password. Its rows, logins and tokens stay.

        Raises `NoGuest`, also if another request has just named the account, `EmailTaken` and `InviteRefused`; then
        nothing has changed, and the invite is not used up. `invite`: as in `register`.
        """
        old_email, old_hash = await self.guest_credentials(user_id)
        new_hash = await self._passwords.hash(password, source)
        values = {
            "user_id": user_id,
            "email": email,
            "old_email": old_email,
            "old_hash": old_hash,
            "new_hash": new_hash,
        }
        async with scoped(self._pool, user_id) as connection:
            if invite is not None:
                await invite[0].use_in(connection, invite[1], email)
            # Not an update, because the address may be the distribution key of the table.
            await connection.execute(self._statements["account_delete"], values)
            taken = await connection.execute(self._statements["account_insert"], values)
            if await taken.fetchone() is None:
                raise EmailTaken
            named = await connection.execute(self._statements["user_address_set"], values)
            if await named.fetchone() is None:
                raise NoGuest

    async def guest_credentials(self, user_id: UUID) -> tuple[str, str]:
        """The address and the password hash of a guest account. Raises `NoGuest`."""
        async with scoped(self._pool, user_id) as connection:
            cursor = await connection.execute(self._statements["user_credentials"], {"user_id": user_id})
        row = await cursor.fetchone()
        if row is None or not is_guest(row[0]) or row[1] is None:
            raise NoGuest
        return row[0], row[1]

    async def close(self, user_id: UUID, within_s: float) -> EndedAccess:
        """Give nobody access to the account for `within_s` seconds, in which it is deleted."""
        async with scoped(self._pool, user_id) as connection:
            await connection.execute(self._statements["user_closing"], {"user_id": user_id, "within_s": within_s})
        return EndedAccess(user_id, account=True)

    async def login(self, email: Email, password: str, source: HashSource = NO_SOURCE) -> UUID:
        """The id of the user with this e-mail address and password.

        Raises `BadCredentials`. An unknown address takes the same time as a wrong password.
        """
        async with scoped_to_email(self._pool, email) as connection:
            found = await connection.execute(self._statements["user_by_email"], {"email": email})
        account = await found.fetchone()
        # An unknown address reads a row that does not exist, so that both take the same time.
        known_id = account[0] if account is not None else uuid4()
        async with scoped(self._pool, known_id) as connection:
            read = await connection.execute(self._statements["user_read"], {"user_id": known_id})
        row = await read.fetchone()
        user_id, stored = (row[0], row[2]) if row is not None else (None, None)
        check = await self._passwords.check(password, stored, source)
        if not check.ok or user_id is None:
            raise BadCredentials
        if check.new_hash is not None:
            values = {"user_id": user_id, "old_hash": stored, "new_hash": check.new_hash}
            async with scoped(self._pool, user_id) as connection:
                await connection.execute(self._statements["user_rehash"], values)
        found_id: UUID = user_id
        return found_id
