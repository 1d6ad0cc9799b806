"""What one trial of a scenario showed and did, as the device saw it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from evals.scenario import Item, Items
from streaming.wire import Entity


@dataclass(frozen=True, slots=True)
class Call:
    """One tool call that reached the device. `outcome` is `ok`, or the code of the error."""

    turn: int
    tool: str
    args: Item
    outcome: str

    @property
    def reads(self) -> bool:
        return self.tool.startswith(("list_", "get_"))


@dataclass(frozen=True, slots=True)
class ItemChange:
    """A change that a tool made on the device."""

    turn: int
    op: str
    entity: Entity
    id: str


@dataclass(frozen=True, slots=True)
class ShownTurn:
    """The answer to one turn.

    `outcome` is `completed`, `cancelled`, `failed:CODE` or `refused:CODE`. `blocks` are the blocks other than text,
    with `type` and `data`. `mutations` is the server's own list of changes. Times are seconds from sending the message.
    """

    said: str
    outcome: str
    text: str = ""
    blocks: list[dict[str, Any]] = field(default_factory=list)
    mutations: list[tuple[str, str, str]] = field(default_factory=list)
    agent: str | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    first_text_s: float | None = None
    end_s: float = 0.0


@dataclass(slots=True)
class Trial:
    """One run of a scenario."""

    scenario: str
    number: int
    before: Items
    after: Items = field(default_factory=dict)
    turns: list[ShownTurn] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    changes: list[ItemChange] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What a report should tell, although it does not decide."""
    broken: str | None = None
    """Why the trial could not be run; None if it was."""
