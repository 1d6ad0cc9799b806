"""Who this device is: an account and a device id, kept in a file that only its owner may read."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

from client.terminal.store import InvalidDataError, write_atomically


@dataclass(frozen=True, slots=True)
class DeviceAccount:
    """What signs the device in. The password is not shown by `repr`."""

    email: str
    password: str = field(repr=False)
    device_id: UUID


def load_or_create_account(path: Path) -> DeviceAccount:
    """The account kept at `path`; on first use a random one is made and kept, mode 0600. Raises `InvalidDataError`."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return DeviceAccount(str(content["email"]), str(content["password"]), UUID(content["device_id"]))
    except FileNotFoundError:
        account = DeviceAccount(f"device-{secrets.token_hex(6)}@example.com", secrets.token_urlsafe(24), uuid4())
        write_atomically(path, json.dumps(asdict(account), default=str))
        return account
    except (ValueError, KeyError, TypeError):
        raise InvalidDataError(f"{path} does not hold an account; remove it to make a new one") from None
