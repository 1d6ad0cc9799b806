"""How many model tokens a person may use a day, as far as this process knows. Pure; the caller passes the time in.

`server.models.spending` keeps the counts of all processes in the database, and tells this one of them.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Final
from uuid import UUID

_DAY_S: Final = 86_400


class TokenBudget:
    """At most `per_day` tokens, read and written, per user and UTC day; None is no limit. Times are in epoch seconds.

    A request that began within the budget is not cut short when it goes beyond: the next one is refused.
    """

    def __init__(self, per_day: int | None) -> None:
        self.per_day = per_day
        self._day = 0
        self._spent: dict[UUID, int] = {}

    def open(self, user_id: UUID, now_s: float) -> bool:
        """Whether the user has anything left today."""
        self._turn_day(now_s)
        return self.per_day is None or self._spent.get(user_id, 0) < self.per_day

    def spend(self, user_id: UUID, tokens: int, now_s: float) -> None:
        """Count `tokens` against today."""
        self._turn_day(now_s)
        if self.per_day is not None and tokens > 0:
            self._spent[user_id] = self._spent.get(user_id, 0) + tokens

    def learn(self, user_id: UUID, day: date, tokens: int) -> None:
        """The user has spent `tokens` at least on `day`, at all servers; forgotten unless that is the present day."""
        if day == self._date() and tokens > self._spent.get(user_id, 0):
            self._spent[user_id] = tokens

    def today(self, now_s: float) -> date:
        """The day that is counted on."""
        self._turn_day(now_s)
        return self._date()

    def _date(self) -> date:
        return datetime.fromtimestamp(self._day * _DAY_S, UTC).date()

    def _turn_day(self, now_s: float) -> None:
        day = int(now_s // _DAY_S)
        # A clock that steps back must not give the day's tokens out again.
        if day > self._day:
            self._day = day
            self._spent.clear()
