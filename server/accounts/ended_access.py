"""Which access has ended: what every server must close after a logout, a revoked device or a deleted account."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from server.accounts.credentials import AuthenticatedUser


@dataclass(frozen=True, slots=True)
class EndedAccess:
    """Access of one user that has ended.

    `logins`: only these logins, and the device `device_id` if one is named. None: everything of the user except the
    login `keep`. `account`: the account itself ends, so its requests end too.
    """

    user_id: UUID
    logins: frozenset[UUID] | None = None
    device_id: UUID | None = None
    keep: UUID | None = None
    account: bool = False

    def covers(self, user: AuthenticatedUser, device_id: UUID | None) -> bool:
        """Whether the access of `user` with `device_id` has ended."""
        if user.user_id != self.user_id:
            return False
        if self.logins is None:
            return user.login_id is None or user.login_id != self.keep
        return user.login_id in self.logins or (device_id is not None and device_id == self.device_id)
