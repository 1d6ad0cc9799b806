"""Fill a database with this code, and write it with its state folder: `python -m tests.sql.upgrades.dump FOLDER`.

This made the folders of the versions, which are never written again: later code would write a later version.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

import trio
from cryptography.fernet import Fernet

from sql.embedded.postgres import _binaries
from tests.database import new_database, running_server
from tests.sql.upgrades.contents import delivered, exports, fill, recalled

SHARES_FOLDER: Final = "key-shares"
KEY_FILE: Final = "master.key"

# Settings that PostgreSQL before version 17 does not have, and commands of psql, which does not load the dump.
_LEFT_OUT: Final = ("SET transaction_timeout", "\\restrict", "\\unrestrict")


def dump(conninfo: str, *options: str) -> str:
    """A database as a script of SQL statements, by `pg_dump`; the roles that it names must exist where it is loaded."""
    command = [str(_binaries() / "bin" / "pg_dump"), "--no-owner", *options, f"--dbname={conninfo}"]
    script = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout  # noqa: S603
    return "".join(line for line in script.splitlines(keepends=True) if not line.startswith(_LEFT_OUT))


def _write(folder: Path) -> None:
    state = folder / "state"
    state.mkdir(parents=True)
    key = Fernet.generate_key().decode()
    (state / KEY_FILE).write_text(f"{key}\n")
    shares = state / SHARES_FOLDER
    with running_server() as server, new_database(server) as conninfo:
        trio.run(fill, conninfo, key, shares)
        (folder / "dump.sql").write_text(dump(conninfo, "--inserts"))
        expected = {
            "exports": trio.run(exports, conninfo, key, shares),
            "recalled": trio.run(recalled, conninfo, key, shares),
            "delivered": trio.run(delivered, conninfo, key, shares),
        }
        (folder / "expected.json").write_text(json.dumps(expected, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    _write(Path(sys.argv[1]))
