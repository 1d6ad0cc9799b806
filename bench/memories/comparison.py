"""Two configurations of the search, compared on the same questions: differences with confidence intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Final

import numpy as np

from memory.recall import Floor, Ranking

_SAMPLES: Final = 2_000
_SEED: Final = 1


@dataclass(frozen=True, slots=True)
class Configuration:
    """What may differ between two runs. `floor` None: that of the server."""

    ranking: Ranking = field(default_factory=Ranking)
    floor: Floor | None = None

    @classmethod
    def read(cls, text: str) -> Configuration:
        """A configuration from "session_weight=0,coverage=0.15"; names are fields of `Ranking` and `Floor`.

        Raises `ValueError` for another name or a value that is not a number.
        """
        made = cls()
        for pair in filter(None, text.split(",")):
            name, _, value = pair.partition("=")
            if name in {one.name for one in fields(Ranking)}:
                kind = type(getattr(made.ranking, name))
                made = replace(made, ranking=replace(made.ranking, **{name: kind(value)}))
            elif name in {one.name for one in fields(Floor)}:
                made = replace(made, floor=replace(made.floor or Floor(), **{name: float(value)}))
            else:
                raise ValueError(f"{name} is not a setting of the ranking or of the floor")
        return made


@dataclass(frozen=True, slots=True)
class Difference:
    """The mean of paired differences, and its 95% interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:+.3f} ({self.low:+.3f} to {self.high:+.3f})"


def difference(one: Sequence[float], other: Sequence[float]) -> Difference:
    """How much higher `one` is than `other`, by the paired bootstrap over questions.

    Both have a value per question, in the same order, and at least one. Deterministic.
    """
    pairs = np.asarray(one, float) - np.asarray(other, float)
    chosen = np.random.default_rng(_SEED).integers(len(pairs), size=(_SAMPLES, len(pairs)))
    low, high = np.quantile(pairs[chosen].mean(axis=1), [0.025, 0.975])
    return Difference(float(pairs.mean()), float(low), float(high))
