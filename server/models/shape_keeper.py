"""Keeps the request shape of the model that answers: by a setting, by a probe at the start, and by its replies."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, Literal

import structlog
import trio

from agents.shapes import SHAPES, Disobedience, Shape
from server.models.probe import Obedience, is_small, probe, shape_of
from server.models.traffic import Traffic
from streaming.chat import Usage
from streaming.model import ChatModel, ModelError

ShapeSetting = Literal["auto", "hosted", "native", "schema"]
_PROBE_EVERY_S: Final = 600.0
"""Replicas of one model may alternate between two names or versions, so a second change does not cause a probe."""
_RETRY_S: Final = (10.0, 30.0, 120.0, 600.0)
log = structlog.get_logger(__name__)


class ShapeKeeper:
    """An `agents.shapes.ShapeChoice`. Start `run` in the server's nursery: it probes the model with setting `auto`."""

    def __init__(
        self,
        model: ChatModel,
        setting: ShapeSetting,
        *,
        self_hosted: bool,
        on_disobeyed: Callable[[Shape, Disobedience], None] | None = None,
        traffic: Traffic | None = None,
    ) -> None:
        """`traffic`: the calls of people. The probe of a self-hosted model lets them go first."""
        self._model = model
        self._setting = setting
        self._small = self_hosted and is_small(model.name)
        self._guess: Shape = "schema" if self._small else "hosted"
        self._current: Shape = self._guess if setting == "auto" else setting
        self._on_disobeyed = on_disobeyed
        # A server with one slot would read a person's prompt again after each call of the probe.
        self._quiet = traffic.quiet if traffic is not None and self_hosted else None
        self._served = ""
        self._changed = trio.Event()
        self._settled_until = -math.inf
        self.obedience = Obedience()

    def __repr__(self) -> str:
        return f"<ShapeKeeper {self._current} for {self._model.name!r}>"

    @property
    def name(self) -> str:
        """The model's name."""
        return self._model.name

    @property
    def current(self) -> Shape:
        """The shape of the next request. Notes when the server has begun to serve another model."""
        served = self._model.served
        changed = bool(self._served and served and served != self._served)
        if changed and not self._changed.is_set() and trio.current_time() >= self._settled_until:
            self._settled_until = trio.current_time() + _PROBE_EVERY_S
            log.info("model_changed", model=self._model.name, served=served[:100])
            self._changed.set()
        return self._current

    @property
    def keeps_tools(self) -> bool:
        return self.obedience.none is True

    @property
    def schema_beside_tools(self) -> bool:
        return self.obedience.tools_beside_schema is True and self.obedience.schema is True

    @property
    def lean_tools(self) -> bool:
        return True

    def disobeyed(self, shape: Shape, how: Disobedience) -> None:
        """Count it. With setting `auto`, requests get the next shape from now on."""
        if how == "required_ignored" and shape == "hosted" and self._model.refuses_required:
            return  # the server said so with an HTTP error, and was asked with `auto`
        if self._on_disobeyed is not None:
            self._on_disobeyed(shape, how)
        leaves = self._setting == "auto" and self._current == shape != "schema" and how != "none_ignored"
        if how == "none_ignored":
            self.obedience = replace(self.obedience, none=False)
        if leaves:
            self._current = SHAPES[SHAPES.index(shape) + 1]
        log.warning("model_shape_ignored", model=self._model.name, shape=shape, how=how, next=self._current)

    @property
    def place(self) -> int:
        """See `agents.shapes.ShapeChoice`: this is one model."""
        return 0

    def of(self, place: int) -> ShapeKeeper:  # noqa: ARG002 - this is one model
        """See `agents.shapes.ShapeChoice`."""
        return self

    def describe(self) -> str:
        """One line for `/readyz`, such as `schema: required no, none yes, ...`."""
        return f"{self._current} (setting {self._setting}): {self.obedience}"

    async def run(self) -> None:
        """With setting `auto`: probe the model, and again when the server serves another one. Else do nothing."""
        while self._setting == "auto":
            await self._probe()
            await self._changed.wait()
            self._changed = trio.Event()

    async def _probe(self) -> None:
        failures = 0
        while True:
            usage = Usage()
            try:
                self.obedience = await probe(self._model, usage, self._quiet)
            except ModelError as error:
                wait_s = _RETRY_S[min(failures, len(_RETRY_S) - 1)]
                failures += 1
                log.warning("model_probe_failed", model=self._model.name, code=error.code.value, retry_in_s=wait_s)
                await trio.sleep(wait_s)
                continue
            self._served = self._model.served
            self._current = shape_of(self.obedience, small=self._small, guess=self._guess)
            log.info(
                "model_probed",
                model=self._model.name,
                served=self._served[:100],
                shape=self._current,
                found=str(self.obedience),
                input_tokens=usage.input_tokens,
                output_tokens=usage.output_tokens,
            )
            return


class ShapeKeepers:
    """The shapes of the first model and its fallback models, each with its own probe. An `agents.shapes.ShapeChoice`.

    `first` returns the index of the model that is called first now. Start `run` in the server's nursery.
    """

    def __init__(self, keepers: Sequence[ShapeKeeper], first: Callable[[], int]) -> None:
        self._keepers = keepers
        self._first = first

    @property
    def place(self) -> int:
        return self._first()

    def of(self, place: int) -> ShapeKeeper:
        """The shape of the model with this index."""
        return self._keepers[place]

    @property
    def current(self) -> Shape:
        return self.of(self.place).current

    @property
    def keeps_tools(self) -> bool:
        return self.of(self.place).keeps_tools

    @property
    def schema_beside_tools(self) -> bool:
        return self.of(self.place).schema_beside_tools

    @property
    def lean_tools(self) -> bool:
        return self.of(self.place).lean_tools

    def disobeyed(self, shape: Shape, how: Disobedience) -> None:
        """Count it for the model that is called first."""
        self.of(self.place).disobeyed(shape, how)

    def describe(self) -> str:
        """One line for `/readyz`; with fallback models, each with its name."""
        if len(self._keepers) == 1:
            return self._keepers[0].describe()
        return "; ".join(f"{keeper.name}: {keeper.describe()}" for keeper in self._keepers)

    async def run(self) -> None:
        """Probe the models, side by side."""
        async with trio.open_nursery() as nursery:
            for keeper in self._keepers:
                nursery.start_soon(keeper.run)
