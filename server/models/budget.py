"""The count behind the daily token budget: what one process knows, without I/O. Times are in epoch seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Final
from uuid import UUID, uuid4

import trio

from streaming.chat import Usage

_DAY_S: Final = 86_400


@dataclass(slots=True, eq=False)
class Entry:
    """One request's part of its user's count: the tokens that it has used, or reserved if that is more.

    `usage` grows while its model calls run. `calling` is the estimate of the calls that run now. `stored` is what the
    database has of this entry.
    """

    user_id: UUID
    day: date
    usage: Usage
    id: UUID = field(default_factory=uuid4)
    lock: trio.Lock = field(default_factory=trio.Lock)
    reserved: int = 0
    calling: int = 0
    counted: int = 0
    stored: int = 0
    admitted: bool = False
    unsure: bool = False
    """Whether a write of this entry may have taken place without an answer."""
    closed: bool = False

    @property
    def used(self) -> int:
        """The tokens of its calls that have ended, input and output."""
        return self.usage.input_tokens + self.usage.output_tokens

    @property
    def amount(self) -> int:
        """What the entry takes of the budget."""
        return self.used if self.closed else max(self.used, self.reserved)


class TokenBudget:
    """At most `per_day` tokens, input and output, per user and UTC day; None is no limit.

    A user's count is the total of the database when it was last read, and what the entries of this process have beyond
    that.
    """

    def __init__(self, per_day: int | None) -> None:
        self.per_day = per_day
        self._day = 0
        self._stored: dict[UUID, int] = {}
        self._beyond: dict[UUID, int] = {}
        self._running: dict[UUID, int] = {}

    def entry(self, user_id: UUID, usage: Usage, now_s: float) -> Entry:
        """A new entry of today."""
        return Entry(user_id, self.today(now_s), usage)

    def open(self, user_id: UUID, now_s: float, *, stored: bool = True) -> bool:
        """Whether the user has unreserved tokens left today. Without `stored`: in addition to the stored total."""
        self._start_day(now_s)
        count = self._count(user_id) if stored else self._beyond.get(user_id, 0)
        return self.per_day is None or count < self.per_day

    def reserved(self, user_id: UUID) -> bool:
        """Whether running requests of this process hold a part of the budget."""
        return self._running.get(user_id, 0) > 0

    def reserve(self, entry: Entry, tokens: int, now_s: float) -> int:
        """Reserve at most `tokens` more for the entry. Returns how many were left; 0 if none."""
        self._start_day(now_s)
        granted = tokens
        if self.per_day is not None:
            granted = max(0, min(tokens, self.per_day - self._count(entry.user_id)))
        if granted and not entry.reserved:
            self._running[entry.user_id] = self._running.get(entry.user_id, 0) + 1
        entry.reserved += granted
        self.update(entry)
        return granted

    def extend(self, entry: Entry, tokens: int, now_s: float) -> bool:
        """Reserve `tokens` more for a request that runs. Returns False if other requests took the whole budget."""
        self._start_day(now_s)
        self.update(entry)
        if self.per_day is not None and self._count(entry.user_id) - entry.counted >= self.per_day:
            return False
        if not entry.reserved:
            self._running[entry.user_id] = self._running.get(entry.user_id, 0) + 1
        entry.reserved += tokens
        self.update(entry)
        return True

    def reserve_stored(self, entry: Entry, tokens: int) -> None:
        """The database has reserved `tokens` for the entry, beyond the total that `learn` was told."""
        if not entry.reserved:
            self._running[entry.user_id] = self._running.get(entry.user_id, 0) + 1
        entry.reserved += tokens
        self.update(entry)
        self.written(entry, tokens)

    def update(self, entry: Entry) -> None:
        """Count what the entry has used or reserved since the last time."""
        change, entry.counted = entry.amount - entry.counted, entry.amount
        if change and entry.day == self._date() and self.per_day is not None:
            self._beyond[entry.user_id] = self._beyond.get(entry.user_id, 0) + change

    def close(self, entry: Entry) -> None:
        """The request has ended: only what it has used counts."""
        entry.closed = True
        if entry.reserved:
            self._ended(entry.user_id)
        self.update(entry)

    def _ended(self, user_id: UUID) -> None:
        left = self._running.get(user_id, 0) - 1
        if left > 0:
            self._running[user_id] = left
        else:
            self._running.pop(user_id, None)

    def learn(self, user_id: UUID, day: date, total: int) -> None:
        """The database has `total` tokens of the user for `day`."""
        if day == self._date():
            self._stored[user_id] = total

    def written(self, entry: Entry, tokens: int) -> None:
        """The database has `tokens` of the entry now."""
        change, entry.stored = tokens - entry.stored, tokens
        if entry.day == self._date() and self.per_day is not None:
            self._stored[entry.user_id] = self._stored.get(entry.user_id, 0) + change
            self._beyond[entry.user_id] = self._beyond.get(entry.user_id, 0) - change

    def today(self, now_s: float) -> date:
        """The UTC day that tokens are counted on now."""
        self._start_day(now_s)
        return self._date()

    def _count(self, user_id: UUID) -> int:
        return self._stored.get(user_id, 0) + self._beyond.get(user_id, 0)

    def _date(self) -> date:
        return datetime.fromtimestamp(self._day * _DAY_S, UTC).date()

    def _start_day(self, now_s: float) -> None:
        day = int(now_s // _DAY_S)
        # A clock that steps back must not reset the counts.
        if day > self._day:
            self._day = day
            self._stored.clear()
            self._beyond.clear()
