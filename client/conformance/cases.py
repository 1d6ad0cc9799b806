"""The cases: what the server sends, what the client must send, and the state that the client must then show.

`docs/protocol/conformance/cases.schema.json` is generated from these models:
`python -m client.conformance schema` prints it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, Field, model_validator

CASES_FOLDER: Final = Path(__file__).parents[2] / "docs" / "protocol" / "conformance" / "cases"

Pattern = dict[str, Any]
"""A part of a JSON object. Keys that it does not name may have any value. A string `$name` is a variable."""

Ability = Literal[
    "block_open",
    "ledger",
    "changes",
    "approvals",
    "approval_edits",
    "tool_events",
    "popup",
    "watch",
    "attach",
    "forget",
    "forget_preview",
    "locale",
    "auth_refresh",
    "restart",
]


class _Part(BaseModel, frozen=True, extra="forbid"):
    pass


class ToolError(_Part):
    """The error of a tool, as the model gets it."""

    code: str
    message: str = ""


class Tool(_Part):
    """What a tool of the device returns: `data`, or `error`. With `wait`, it returns after the action `release`."""

    data: Any = None
    error: ToolError | None = None
    wait: bool = False


class Action(_Part):
    """What the application or the person does with the client. The other fields depend on `do`."""

    do: Literal[
        "connect",
        "restart",
        "home",
        "popup",
        "cancel",
        "attach",
        "watch",
        "decide",
        "release",
        "mutate",
        "forget",
        "preview_forget",
        "travel",
    ]
    answer: str | None = Field(default=None, description="The case's name of the answer: home, popup, cancel, watch.")
    message: str | None = None
    scope: dict[str, Any] | None = None
    request_id: str | None = Field(default=None, description="attach, watch")
    call_id: str | None = Field(default=None, description="decide")
    approved: bool | None = Field(default=None, description="decide")
    edited_args: dict[str, Any] | None = Field(default=None, description="decide: approve with these arguments")
    tool: str | None = Field(default=None, description="release")
    op: Literal["create", "update", "delete"] | None = Field(default=None, description="mutate")
    entity: Literal["task", "project", "note", "checkpoint"] | None = Field(default=None, description="mutate")
    id: str | None = Field(default=None, description="mutate")
    data: dict[str, Any] | None = Field(default=None, description="mutate")
    memory_id: str | None = Field(default=None, description="forget, preview_forget")
    locale: dict[str, Any] | None = Field(default=None, description="travel")


class Greet(_Part):
    """Wait for the next socket and its `device_hello`, which must match `hello`. Answer with `device_ready`.

    `greet` has the fields of `device_ready` that differ from the usual ones. `not_before_ms`: the socket must not come
    earlier after the end of the last one.
    """

    greet: Pattern
    hello: Pattern = Field(default_factory=dict)
    not_before_ms: int = 0


class Refuse(_Part):
    """Wait for the next socket and its `device_hello`, which must match `hello`. Close the socket with this code."""

    refuse: int
    hello: Pattern = Field(default_factory=dict)


class Unavailable(_Part):
    """Wait for the next upgrade request, and answer it with this HTTP status."""

    unavailable: int


class Send(_Part):
    """The server sends these frames. The runner adds `seq`."""

    send: list[Pattern]


class Expect(_Part):
    """The client must send these frames, in any order, and no other frame before them."""

    expect: list[Pattern] = Field(min_length=1)


class State(_Part):
    """The client must show this state, and must have sent no frame that the case does not expect."""

    state: Pattern


class Cut(_Part):
    """The connection is lost: the socket ends without a close frame."""

    cut: Literal[True]


class Freeze(_Part):
    """The connection is half-open: the server's side reads nothing and sends nothing, and the socket stays open."""

    freeze: Literal[True]


class Close(_Part):
    """The server closes the socket with this code."""

    close: int


class Silence(_Part):
    """No new socket may come for this time."""

    silence_ms: int


Step = Action | Greet | Refuse | Unavailable | Send | Expect | State | Cut | Freeze | Close | Silence


class Case(_Part):
    """One case. A client is judged only by the cases whose `needs` it has."""

    name: str = Field(pattern=r"^[a-z0-9-]+$")
    title: str
    needs: list[Ability] = Field(default_factory=list)
    ids: list[str] = Field(
        default_factory=list, description="Variables without `$` that hold a new UUID. `$device` is the device's id."
    )
    tools: dict[str, Tool] = Field(default_factory=dict)
    steps: list[Step] = Field(min_length=1)


class CaseFile(_Part):
    """A file of cases about one part of the protocol."""

    schema_: str = Field(alias="$schema", default="../cases.schema.json")
    about: str
    cases: list[Case] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_differ(self) -> CaseFile:
        names = [case.name for case in self.cases]
        if repeated := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"two cases have the same name: {', '.join(sorted(repeated))}")
        return self


def load_cases(folder: Path = CASES_FOLDER, names: Iterable[str] = ()) -> list[Case]:
    """Read the cases of every file in `folder`, or those with these names. Raises LookupError for an unknown name."""
    found = {
        case.name: case
        for path in sorted(folder.glob("*.json"))
        for case in CaseFile.model_validate_json(path.read_text(encoding="utf-8")).cases
    }
    wanted = list(names)
    if unknown := [name for name in wanted if name not in found]:
        raise LookupError(f"there is no case {', '.join(unknown)}")
    return [found[name] for name in wanted] if wanted else list(found.values())


def schema() -> str:
    """The JSON Schema of a file of cases."""
    document = {"$schema": "https://json-schema.org/draft/2020-12/schema", **CaseFile.model_json_schema()}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
