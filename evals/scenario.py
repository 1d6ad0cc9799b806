"""A scenario: a person, a device, the person's messages, and the expected result.

Each scenario is a YAML file. Its id is its path.

`python -m evals schema` writes the JSON Schema of these models, for editors.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import yaml
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from streaming.wire import Entity, WsHistoryMessage, WsScope

FOLDER: Final = Path(__file__).parent / "scenarios"
DEVICES: Final = Path(__file__).parent / "devices"
SCHEMA_FILE: Final = Path(__file__).parent / "scenario.schema.json"
Item = dict[str, Any]
Items = dict[Entity, list[Item]]
Basis = Literal["state", "claims", "shown", "outcome"]
Claimant = Literal["demo", "perfect"]


class ScenarioError(Exception):
    """A scenario or device file is not valid. The message names the file and the field."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Change(_Model):
    """A change that the person made on the device before the scenario, as memory stores it."""

    op: Literal["create", "update", "delete"]
    entity: Entity
    id: str
    data: Item | None = None


class Memory(_Model):
    """What the server knows about a person before the scenario."""

    preferences: dict[str, str] = Field(default_factory=dict, description="Preferences in core memory, by name.")
    changes: list[Change] = Field(default_factory=list, description="Changes that the person made by hand.")


class Person(_Model):
    """Who asks, when and where."""

    locale: str = Field("en-GB", description="BCP 47 language tag.")
    zone: str = Field("Europe/Berlin", description="IANA time zone.")
    now: AwareDatetime = Field(
        datetime.fromisoformat("2026-11-27T09:00:00+01:00"), description="The time that answers call now."
    )
    memory: Memory = Memory()


class Throw(_Model):
    code: str
    message: str = "The tool failed."


class StubOutcome(_Model):
    """What the device does instead of running the tool. `real` runs it."""

    throw: Throw | None = Field(None, description="Answer with this tool error.")
    deadline: bool = Field(False, description="Do not answer before the call's deadline.")
    cancel: bool = Field(False, description="The person stops the answer during this call.")
    real: bool = Field(False, description="Run the tool.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum((self.throw is not None, self.deadline, self.cancel, self.real)) != 1:
            raise ValueError("give exactly one of throw, deadline, cancel and real")
        return self


class Stub(_Model):
    """Replaces the outcomes of the first calls that match. Later calls run the tool."""

    tool: str = Field(description="Name of one of the twenty device tools.")
    match: Item = Field(default_factory=dict, description="Arguments that the call must have.")
    outcomes: list[StubOutcome] = Field(min_length=1, description="One for each matching call, in order.")


class Edit(_Model):
    edit: Item = Field(description="The arguments that the person changes before approving.")


Approval = Literal["approve", "deny", "never_answer"] | Edit


class Many(_Model):
    """Generated items. `{n}` in a text becomes the item's number, from 1."""

    entity: Entity
    count: int = Field(ge=1, le=1000)
    item: Item


class DeviceState(_Model):
    """The device at the start."""

    fixture: str | None = Field("studio", description="File in evals/devices with items; null: none.")
    items: Items = Field(default_factory=dict, description="Further items. One with a known id replaces that item.")
    many: list[Many] = Field(default_factory=list)
    approvals: dict[str, Approval] = Field(
        default_factory=dict, description="What the person answers, by device tool. Default: approve."
    )
    stubs: list[Stub] = Field(default_factory=list)
    offline: bool = Field(False, description="No device is connected. The person asks over REST.")


class Turn(_Model):
    """One message of the person. With `popup`, it is asked in a popup on that item."""

    say: str
    history: list[WsHistoryMessage] = Field(default_factory=list)
    conversation: str | None = Field(None, description="Turns with the same name belong to one conversation.")
    popup: WsScope | None = None
    learns: dict[str, str] = Field(
        default_factory=dict, description="Wait after the turn until memory has these preferences, by name."
    )


class ExpectedBlock(_Model):
    """A block that must be shown. What is left out may be anything."""

    type: Literal["chart", "table", "timeline", "entity_ref"]
    ids: list[str] | None = Field(None, description="The ids of the items in it, in any order.")
    ordered: bool = Field(False, description="The ids must have this order.")
    rows: int | None = Field(None, description="Number of rows or points.")
    values: list[float] | None = Field(None, description="The numbers in it, in any order.")
    cells: list[str] = Field(default_factory=list, description="Texts that must occur in its cells.")


Words = str | list[str]


class Shown(_Model):
    """What the last answer must show. Words are compared without letter case; of a list, one must occur."""

    blocks: list[ExpectedBlock] = Field(default_factory=list)
    numbers: Literal["from_items", "unchecked"] = "from_items"
    must: list[Words] = Field(default_factory=list)
    must_not: list[str] = Field(default_factory=list)
    matches: list[str] = Field(default_factory=list, description="Regular expressions that must be found.")


class Soft(_Model):
    """Limits that are reported and never decide."""

    max_calls: int | None = None
    tokens_in: int | None = None
    first_text_s: float | None = None


Outcome = Annotated[str, Field(pattern=r"^(completed|cancelled|failed(:\w+)?|refused:\w+)$")]


class Expect(_Model):
    """What decides. The score of a trial is the product of the checks in `basis`."""

    basis: list[Basis] = Field(default=["state", "claims", "shown", "outcome"], min_length=1)
    state: dict[Entity, dict[str, Item | Literal["absent"]]] = Field(
        default_factory=dict, description="Changed fields by id, or absent. Whatever is not named must be unchanged."
    )
    created: Items = Field(default_factory=dict, description="Items that must be new, with the fields that matter.")
    claims: Literal["truthful"] = "truthful"
    shown: Shown = Shown()
    outcome: Outcome | list[Outcome] = Field("completed", description="Of the last turn, or of each turn.")
    calls: Literal["needed", "not_needed", "unchecked"] = Field(
        "unchecked", description="Whether the request needs a device call. Reported, never decides."
    )
    soft: Soft = Soft()


class Goal(_Model):
    """What the attacker wants. Reached if the state is like this, or if one of the words is shown."""

    state: dict[Entity, dict[str, Item | Literal["absent"]]] = Field(default_factory=dict)
    created: Items = Field(default_factory=dict)
    says: list[str] = Field(default_factory=list)


class Injection(_Model):
    """A text of an attacker in the person's data."""

    at: str = Field(pattern=r"^((task|project|note|checkpoint)\.[^.]+\.\w+|memory\.\w+)$")
    text: str
    goal: Goal


class ScriptCall(_Model):
    tool: str
    args: Item = Field(default_factory=dict)


class ScriptStep(_Model):
    """One reply of the perfect model: calls, or blocks, or the text of a popup's answer."""

    calls: list[ScriptCall] = Field(default_factory=list)
    blocks: list[Item] = Field(default_factory=list)
    text: str | None = None


class ScriptTurn(_Model):
    """The replies of the perfect model to one turn."""

    agent: str = "task_agent"
    need: Literal["none", "read", "change"] = "read"
    steps: list[ScriptStep] = Field(min_length=1)


class Scenario(_Model):
    """One scenario file."""

    id: str = Field("", description="Set from the path of the file.")
    about: str = Field(description="One sentence: what a good answer does.")
    tags: list[str] = Field(min_length=1)
    claimed_by: list[Claimant] = Field(
        default_factory=list, description="The built-in models whose recorded answers must pass."
    )
    person: Person = Person()
    others: list[Memory] = Field(default_factory=list, description="Memories of other people on the same server.")
    device: DeviceState = DeviceState()
    server: dict[str, str | int | float | bool] = Field(
        default_factory=dict, description="Settings of the server, by their name without TESSERA_, in lower case."
    )
    turns: list[Turn] = Field(min_length=1)
    inject: Injection | None = None
    expect: Expect = Expect()
    perfect: list[ScriptTurn] = Field(default_factory=list, description="The replies of the perfect model, per turn.")
    perfect_shapes: list[Literal["hosted", "native", "schema"]] = Field(
        default=["hosted", "native", "schema"], description="The request shapes in which those replies can be given."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if isinstance(self.expect.outcome, list) and len(self.expect.outcome) != len(self.turns):
            raise ValueError("expect.outcome must have one outcome for each turn")
        if ("perfect" in self.claimed_by) != bool(self.perfect):
            raise ValueError("claimed_by must name perfect if, and only if, the scenario has replies under `perfect`")
        for pattern in self.expect.shown.matches:
            re.compile(pattern)
        return self

    @property
    def needs_own_person(self) -> bool:
        """Whether the trial needs a new account. Others share one, whose memory is erased after each trial."""
        person, device = self.person.memory, self.device
        memory = person.preferences or person.changes or self.others
        injected = self.inject is not None and self.inject.at.startswith("memory.")
        return bool(memory or injected or len(self.turns) > 1 or self.server or device.offline)

    @property
    def outcomes(self) -> list[str | None]:
        """The expected outcome of each turn; None if it does not matter."""
        if isinstance(self.expect.outcome, list):
            return list(self.expect.outcome)
        return [*([None] * (len(self.turns) - 1)), self.expect.outcome]

    def items(self) -> Items:
        """The device's items at the start, with the injected text."""
        found: dict[Entity, dict[str, Item]] = {"task": {}, "project": {}, "note": {}, "checkpoint": {}}
        fixture = {} if self.device.fixture is None else _fixture(self.device.fixture)
        for source in (fixture, self.device.items):
            for kind, known in source.items():
                found[kind].update({str(item["id"]): dict(item) for item in known})
        for many in self.device.many:
            for number in range(1, many.count + 1):
                item = {k: v.replace("{n}", str(number)) if isinstance(v, str) else v for k, v in many.item.items()}
                found[many.entity][str(item["id"])] = item
        if self.inject is not None and not self.inject.at.startswith("memory."):
            entity, item_id, field = self.inject.at.split(".")
            item = next(items[item_id] for name, items in found.items() if name == entity)
            before = str(item.get(field) or "")
            item[field] = f"{before} {self.inject.text}".strip()
        return {entity: list(items.values()) for entity, items in found.items()}

    def preferences(self) -> dict[str, str]:
        """The person's preferences at the start, with the injected text."""
        known = dict(self.person.memory.preferences)
        if self.inject is not None and self.inject.at.startswith("memory."):
            known[self.inject.at.removeprefix("memory.")] = self.inject.text
        return known


class _Loader(yaml.CSafeLoader):
    """Reads dates as text, because the device has them as text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@cache
def _fixture(name: str) -> Mapping[Entity, Sequence[Item]]:
    """The items of a device in `evals/devices`, which nobody changes."""
    found: Mapping[Entity, Sequence[Item]] = read_yaml(DEVICES / f"{name}.yaml")
    return found


def read_yaml(path: Path) -> Any:
    """Read a YAML file, with dates as text. Raises `ScenarioError`."""
    try:
        return yaml.load(path.read_text("utf-8"), _Loader)  # noqa: S506 - a subclass of CSafeLoader
    except (OSError, yaml.YAMLError) as error:
        raise ScenarioError(f"{path}: {error}") from None


def read_scenario(path: Path, folder: Path = FOLDER) -> Scenario:
    """Read one file. Raises `ScenarioError`."""
    content = read_yaml(path)
    try:
        return Scenario.model_validate({**content, "id": path.relative_to(folder).with_suffix("").as_posix()})
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in fault["loc"]) or "file"
        raise ScenarioError(f"{path}: {place}: {fault['msg']}") from None


def read_scenarios(folder: Path = FOLDER) -> list[Scenario]:
    """All scenarios below `folder`, by id. Raises `ScenarioError`."""
    return [read_scenario(path, folder) for path in sorted(folder.rglob("*.yaml"))]
