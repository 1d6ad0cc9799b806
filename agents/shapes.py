"""How a request to a model is built: three shapes, chosen for each model by what its server obeys.

- `hosted`: one phase. The tools and the block format are in every call.
- `native`: an act phase with native tools and the tool `answer`, then an answer phase in which no tool may be called.
- `schema`: an act phase held to the JSON Schema `{"tool", "args"}` without native tools, then the answer phase.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, Protocol, get_args

Shape = Literal["hosted", "native", "schema"]
SHAPES: Final[tuple[Shape, ...]] = get_args(Shape)
"""In the order in which one is left for the next."""
Disobedience = Literal["required_ignored", "none_ignored", "schema_ignored"]
"""What a reply shows: no call after `required`; a call after `none`; text that the schema does not allow."""


class ShapeChoice(Protocol):
    """The shape of the model that answers, and what its replies show about it."""

    @property
    def current(self) -> Shape:
        """The shape of the next request."""
        ...

    @property
    def place(self) -> int:
        """The index of the model that is called first now; 0 is the first model, then the fallback models."""
        ...

    def of(self, place: int) -> ShapeChoice:
        """The shape of the model with this index."""
        ...

    @property
    def keeps_tools(self) -> bool:
        """Whether the server obeys the tool choice `none`, so that tools may stay in a call that must not use them."""
        ...

    @property
    def schema_beside_tools(self) -> bool:
        """Whether a schema given together with tools holds only the final text, so that every call may have it."""
        ...

    @property
    def lean_tools(self) -> bool:
        """Whether `hosted` offers only the tools that no other tool can replace, to save the model's tokens."""
        ...

    def disobeyed(self, shape: Shape, how: Disobedience) -> None:
        """A reply to a request of `shape` shows that the server does not obey it. Later requests may get another."""
        ...


@dataclass(frozen=True, slots=True)
class FixedShape:
    """The same shape for every request."""

    current: Shape = "hosted"
    keeps_tools: bool = False
    schema_beside_tools: bool = False
    lean_tools: bool = False
    place: int = 0

    def of(self, place: int) -> ShapeChoice:  # noqa: ARG002 - every model has this shape
        """This one."""
        return self

    def disobeyed(self, shape: Shape, how: Disobedience) -> None:
        """Ignored."""
