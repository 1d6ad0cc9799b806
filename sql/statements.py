"""The SQL this project runs, one statement to a file in `sql/statements`, checked and loaded once.

A statement is documented by the comment its file starts with. `StatementName` lists them all, so that the type checker
knows a wrong name; loading fails when the list and the files differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

StatementName = Literal[
    "associative_by_digest",
    "associative_embed",
    "associative_erase",
    "associative_forget",
    "associative_forget_digest",
    "associative_nearest",
    "associative_of_items",
    "associative_other_model",
    "associative_page",
    "associative_rewrite",
    "associative_unembed_after",
    "associative_upsert",
    "core_all",
    "core_erase",
    "core_forget",
    "core_rekey",
    "core_upsert",
    "device_upsert",
    "episode_enriched",
    "episode_exchange",
    "episode_forget",
    "episode_insert",
    "episode_pending",
    "episode_rekey",
    "episodes_erase",
    "episodes_before",
    "episodes_exchanges",
    "episodes_page",
    "episodes_present",
    "episodes_recent",
    "forgetting_key_set",
    "forgetting_state",
    "forgotten_add",
    "forgotten_erase",
    "forgotten_since",
    "memory_erased",
    "memory_search",
    "pending_claim",
    "pending_claimed",
    "pending_count",
    "pending_done",
    "pending_erase",
    "pending_postpone",
    "pending_users",
    "proactive_active",
    "proactive_erase",
    "proactive_forget",
    "proactive_page",
    "proactive_rekey",
    "proactive_upsert",
    "relay_device_join",
    "relay_device_leave",
    "relay_device_lock",
    "relay_devices_live",
    "relay_expire_devices",
    "relay_expire_messages",
    "relay_expire_requests",
    "relay_expire_workers",
    "relay_heartbeat",
    "relay_request_claim",
    "relay_send",
    "relay_take",
    "relay_waiting",
    "relay_withdraw",
    "relay_worker_leave",
    "relay_workers_live",
    "terms_delete",
    "terms_erase",
    "terms_insert",
    "token_spend_add",
    "token_spend_of_day",
    "unembedded_add",
    "unembedded_claim",
    "unembedded_done",
    "unembedded_postpone",
    "unembedded_users",
    "user_by_email",
    "user_ids_page",
    "user_insert",
    "user_key",
    "user_key_exclusive",
    "user_key_exclusive_if_free",
    "user_key_replace",
    "user_key_shared",
    "user_rehash",
]

FOLDER = Path(__file__).with_name("statements")


class StatementError(Exception):
    """A statement file is missing, empty, ambiguous, undocumented, or used by nothing."""


class Statements:
    """The loaded statements: `statements["user_key"]` is what psycopg executes, with named parameters."""

    __slots__ = ("_by_name",)

    def __init__(self, by_name: Mapping[StatementName, bytes]) -> None:
        self._by_name = by_name

    @classmethod
    def load(cls) -> Statements:
        """Read every file. Raises `StatementError`."""
        found = read_statements(FOLDER)
        names: tuple[StatementName, ...] = get_args(StatementName)
        if missing := set(names) - set(found):
            raise StatementError(f"no file in {FOLDER} for: {', '.join(sorted(missing))}")
        if unused := set(found) - set(names):
            raise StatementError(f"not listed in StatementName, so nothing can use: {', '.join(sorted(unused))}")
        return cls({name: found[name] for name in names})

    def __getitem__(self, name: StatementName) -> bytes:
        return self._by_name[name]


def read_statements(folder: Path) -> dict[str, bytes]:
    """The statements under `folder`, by the stems of their files' names. Raises `StatementError`."""
    found: dict[str, bytes] = {}
    for path in sorted(folder.rglob("*.sql")):
        if path.stem in found:
            raise StatementError(f"two files are named {path.name}")
        found[path.stem] = _statement(path)
    return found


def _statement(path: Path) -> bytes:
    """What the file says below its leading comment, without the closing semicolon."""
    lines = path.read_text(encoding="utf-8").strip().splitlines()
    comment = next((number for number, line in enumerate(lines) if not line.startswith("--")), len(lines))
    statement = "\n".join(lines[comment:]).strip().removesuffix(";").rstrip()
    if not statement:
        raise StatementError(f"{path.name} holds no statement")
    if comment == 0:
        raise StatementError(f"{path.name} does not start with a comment that says what it does")
    if ";" in statement:
        raise StatementError(f"{path.name} holds more than one statement (or a semicolon inside one)")
    return statement.encode()
