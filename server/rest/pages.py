"""The pages of lists: the query's `limit` and `cursor`, and the cursor of the next page."""

from __future__ import annotations

import base64
import binascii
import json
from datetime import datetime
from typing import Final
from uuid import UUID

from quart import request

from memory import Position
from server.rest.errors import ApiError

DEFAULT_LIMIT: Final = 30
MAX_LIMIT: Final = 100
PAGED: Final = {
    "limit": f"Items per page, 1 to {MAX_LIMIT}; default {DEFAULT_LIMIT}.",
    "cursor": "`next` of the page before.",
}
BAD_PAGE: Final = {422: "The cursor or the limit is not valid."}


def page_limit() -> int:
    """The query's `limit`. Raises `ApiError` 422."""
    given = request.args.get("limit", str(DEFAULT_LIMIT))
    if given.isascii() and given.isdigit() and len(given) <= len(str(MAX_LIMIT)) and 1 <= int(given) <= MAX_LIMIT:
        return int(given)
    raise ApiError(422, "invalid_query", f"limit: it must be a whole number from 1 to {MAX_LIMIT}.")


def page_position(*, uuids: bool = False) -> Position | None:
    """The query's `cursor`; None for the first page. `uuids`: the ids of the list are UUIDs. Raises `ApiError` 422."""
    cursor = request.args.get("cursor")
    if not cursor:
        return None
    try:
        at, id_ = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        position = Position(datetime.fromisoformat(at), str(UUID(id_)) if uuids else str(id_))
        position.id.encode()  # a lone surrogate, which no stored id has, raises UnicodeEncodeError, a ValueError
        if position.at.tzinfo is not None and "\x00" not in position.id:
            return position
    except (ValueError, TypeError, AttributeError, binascii.Error, RecursionError):
        pass
    raise ApiError(422, "invalid_query", "cursor: it is not the `next` of an earlier page.")


def next_cursor(position: Position | None) -> str | None:
    if position is None:
        return None
    return base64.urlsafe_b64encode(json.dumps([position.at.isoformat(), position.id]).encode()).decode()
