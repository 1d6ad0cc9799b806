"""The id of the conversation, kept in a file, so that the next start goes on with it."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import UUID, uuid4

from client.terminal.store import write_atomically


class Conversation:
    """The conversation at the prompt. The server has its exchanges."""

    def __init__(self, path: Path | None = None) -> None:
        """`path`: the file with its id; a missing or damaged file means a new conversation. None: keep no id."""
        self._path = path
        known = _read(path) if path is not None else None
        self.is_continued = known is not None
        """Whether an earlier start of the client began it."""
        self.id = known or str(uuid4())

    def begin(self) -> None:
        """Begin a new conversation. Blocks on the disk."""
        self.id = str(uuid4())
        self.save()

    def save(self) -> None:
        """Keep the id. Blocks on the disk."""
        if self._path is not None:
            write_atomically(self._path, json.dumps({"id": self.id}))


def _read(path: Path) -> str | None:
    try:
        return str(UUID(json.loads(path.read_text("utf-8"))["id"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
