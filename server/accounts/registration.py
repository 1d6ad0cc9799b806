"""Who may register: all callers, those with an invite, or none; and the proof of an e-mail address.

The mail is sent by the operator's own service. The server posts to it what to send, for a free address and for one that
has an account alike, so that a caller does not learn which of both it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

import httpx
from pydantic import SecretStr

from server.accounts.accounts import Accounts, Email
from server.accounts.invites import Invites
from server.accounts.signed_codes import SignedCodes

RegistrationMode = Literal["open", "invite", "off"]
_CODE_TTL_S: Final = 3600.0
_WEBHOOK_S: Final = 10.0


class EmailNotSent(Exception):
    """The operator's mail service did not accept the mail. The message does not contain its answer."""

    def __init__(self) -> None:
        super().__init__("The mail with the code could not be sent. Try again later.")


class EmailCodeRefused(Exception):
    """The code is not the one that was sent to this address, or has expired."""

    def __init__(self) -> None:
        super().__init__("This code is not valid for this address, or has expired. Register again to get a new one.")


@dataclass(frozen=True, slots=True)
class EmailWebhook:
    """The operator's service that sends mails. `key` is sent as a bearer token."""

    client: httpx.AsyncClient
    url: str
    key: SecretStr | None

    async def post(self, message: dict[str, Any]) -> None:
        """Have a mail sent. Raises `EmailNotSent`."""
        headers = {} if self.key is None else {"Authorization": f"Bearer {self.key.get_secret_value()}"}
        try:
            response = await self.client.post(self.url, json=message, headers=headers, timeout=_WEBHOOK_S)
        except httpx.HTTPError:
            raise EmailNotSent from None
        if not response.is_success:
            raise EmailNotSent


class Registration:
    """`webhook`: None if addresses are not verified."""

    def __init__(
        self,
        mode: RegistrationMode,
        invites: Invites,
        codes: SignedCodes,
        webhook: EmailWebhook | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.mode: Final = mode
        self._invites = invites
        self._codes = codes
        self._webhook = webhook
        self._clock = clock

    def invite(self, code: str) -> tuple[Invites, str] | None:
        """The invite that a registration uses up; None if it needs none."""
        return (self._invites, code) if self.mode == "invite" else None

    async def is_verified(
        self, email: Email, code: str | None, accounts: Accounts, *, invite: tuple[Invites, str] | None
    ) -> bool:
        """Whether the caller reads the mail of `email`. Without a `code`, a mail with one is sent, and False returned.

        `invite`: from `invite`. It is checked first, so that a caller without one sends no mail and gets the same
        answer after the same work, whether or not the address has an account. It is not used up.

        Raises `InviteRefused`, `EmailCodeRefused`, `EmailNotSent` and the database's errors.
        """
        if invite is not None:
            await invite[0].check(invite[1], email)
        if self._webhook is None:
            return True
        if code is not None:
            if not self._codes.is_email_code(code, email, self._clock()):
                raise EmailCodeRefused
            return True
        expires_at = self._clock() + _CODE_TTL_S
        if await accounts.exists(email):
            message: dict[str, Any] = {"kind": "account_exists", "email": email}
        else:
            code = self._codes.email_code(email, expires_at)
            message = {"kind": "verify_email", "email": email, "code": code, "expires_at": int(expires_at)}
        await self._webhook.post(message)
        return False
