"""The login of a device, kept in a file: its id, and a refresh token for each server. Passwords are never stored."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import trio

from client.terminal.account import RestError, SignIn, login_or_register, refresh, register
from client.terminal.store import InvalidDataError, write_atomically


@dataclass(frozen=True, slots=True)
class Credentials:
    """An account that the person has named."""

    email: str
    password: str


class DeviceLogin:
    """Signs in at the server `base_url`. Without `named`, the device makes an account whose password is not kept."""

    def __init__(
        self, path: Path, base_url: str, device_id: UUID, kept: Mapping[str, Any], named: Credentials | None
    ) -> None:
        """`kept` is the content of the file `path`."""
        self.device_id = device_id
        self._path = path
        self._base_url = base_url
        self._named = named
        # By server, so that one server's answer to an unknown token does not end the login at another.
        self._logins: dict[str, dict[str, str]] = dict(kept.get("logins", {}))
        # Proofs that this device has logged in to a named account, by server. They give no access: the server only does
        # not count other people's guesses against this device.
        self._known: dict[str, str] = dict(kept.get("known", {}))
        # Earlier releases stored the password of the made account.
        self._made = Credentials(str(kept["email"]), str(kept["password"])) if "password" in kept else None
        self._email = named.email if named is not None else self._logins.get(base_url, {}).get("email", "")
        self._token = "" if named is not None else self._logins.get(base_url, {}).get("refresh_token", "")

    @classmethod
    def load(cls, path: Path, base_url: str, named: Credentials | None = None) -> DeviceLogin:
        """Read `path`; on first use, create it with mode 0600. Raises `InvalidDataError`."""
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            return cls(path, base_url, UUID(kept["device_id"]), kept, named)
        except FileNotFoundError:
            made = cls(path, base_url, uuid4(), {}, named)
            made._write()
            return made
        except (ValueError, KeyError, TypeError, AttributeError):
            raise InvalidDataError(f"{path} does not contain an account. Delete it to create a new account.") from None

    @property
    def email(self) -> str:
        """The address of the account; empty before the first `sign_in`."""
        return self._email

    async def sign_in(self) -> SignIn:
        """New tokens: with the refresh token if there is a valid one, else with the password, else of a new account.

        The new refresh token is in the file when this returns. Raises `RestError` and `httpx.TransportError`.
        """
        signed_in = await self._refreshed() or await self._with_password()
        self._token = signed_in.refresh_token
        if self._named is None:
            self._made = None
            self._logins[self._base_url] = {"email": self._email, "refresh_token": self._token}
        elif signed_in.device_token:
            self._known[self._base_url] = signed_in.device_token
        if self._named is None or signed_in.device_token:
            await trio.to_thread.run_sync(self._write)
        return signed_in

    async def _refreshed(self) -> SignIn | None:
        if not self._token:
            return None
        try:
            return await refresh(self._base_url, self._token)
        except RestError as error:
            if error.status != httpx.codes.UNAUTHORIZED:
                raise
        return None  # the login has ended, or the server has a new database

    async def _with_password(self) -> SignIn:
        known = self._named or self._made
        if known is not None:
            self._email = known.email
            return await login_or_register(
                self._base_url, known.email, known.password, self._known.get(self._base_url, "")
            )
        self._email = f"device-{secrets.token_hex(6)}@example.com"
        return await register(self._base_url, self._email, secrets.token_urlsafe(24))

    def _write(self) -> None:
        kept: dict[str, Any] = {"device_id": str(self.device_id), "logins": self._logins}
        if self._known:
            kept["known"] = self._known
        if self._made is not None:
            kept |= {"email": self._made.email, "password": self._made.password}
        write_atomically(self._path, json.dumps(kept))
