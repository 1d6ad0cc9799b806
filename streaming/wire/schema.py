"""The device protocol's JSON Schema and AsyncAPI document, generated from the frame models.

`python -m streaming.wire.schema docs/protocol` writes `schema.json` and `asyncapi.json` there.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema

from streaming.wire.block_data import ENTITY_REFS, PARSED_BLOCKS
from streaming.wire.client import ClientFrame
from streaming.wire.codes import CloseCode
from streaming.wire.frames import PROTOCOL_VERSION
from streaming.wire.server import ServerFrame

JsonObject = dict[str, Any]

ADDRESS = "/api/v1/ws/device"
_DEFS = "#/$defs/"
_COMPONENTS = "#/components/schemas/"


def json_schema() -> JsonObject:
    """One document, JSON Schema draft 2020-12: each frame and part under `$defs`, with `ClientFrame` and `ServerFrame`.

    Client frames are described as the server reads them, server frames as it sends them: fields that are always sent
    are required, and `seq` is at least 1.
    """
    client, server = _frames(ClientFrame), _frames(ServerFrame)
    definitions = _definitions(client, "validation")
    sent = _definitions(server, "serialization")
    for definition in sent.values():
        _drop_nulls_that_are_left_out(definition)
    for frame in server:
        seq = {"type": "integer", "minimum": 1, "description": "Rises by one per frame of the session, from 1."}
        sent[frame.__name__]["properties"]["seq"] = seq
    if both := [name for name in definitions.keys() & sent.keys() if definitions[name] != sent[name]]:
        raise ValueError(f"different in the two directions, so they need two names: {', '.join(sorted(both))}")
    definitions |= sent
    definitions |= _block_data()
    definitions["ClientFrame"] = _union("What a client may send.", client)
    definitions["ServerFrame"] = _union("What the server may send.", server)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"The Tessera device protocol, version {PROTOCOL_VERSION}",
        "anyOf": [{"$ref": _DEFS + "ClientFrame"}, {"$ref": _DEFS + "ServerFrame"}],
        "$defs": dict(sorted(definitions.items())),
    }


def asyncapi() -> JsonObject:
    """An AsyncAPI 3.0 document of the device socket, as the server sees it: it receives client frames."""
    client, server = _frames(ClientFrame), _frames(ServerFrame)
    definitions = {
        name: _without_discriminator(definition)
        for name, definition in json_schema()["$defs"].items()
        if name not in ("ClientFrame", "ServerFrame")
    }
    messages = {
        frame.__name__: {
            "name": _type_of(frame),
            "title": frame.__name__,
            "contentType": "application/json",
            "payload": {"$ref": _COMPONENTS + frame.__name__},
        }
        for frame in (*client, *server)
    }
    closing = "; ".join(f"{code.value} {code.name.lower().replace('_', ' ')}" for code in CloseCode)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Tessera device protocol",
            "version": f"{PROTOCOL_VERSION}.0.0",
            "description": f"One WebSocket per device, one JSON object per text frame. Close codes: {closing}.",
        },
        "defaultContentType": "application/json",
        "channels": {
            "device": {
                "address": ADDRESS,
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in sorted(messages)},
                "bindings": {"ws": {"method": "GET"}},
            }
        },
        "operations": {
            "receiveClientFrame": _operation("receive", client),
            "sendServerFrame": _operation("send", server),
        },
        "components": {"messages": dict(sorted(messages.items())), "schemas": definitions},
    }


def documents() -> dict[str, str]:
    """The text of each generated file by its name. It is stable: a difference means that the protocol changed."""
    files = {"schema.json": json_schema(), "asyncapi.json": asyncapi()}
    return {name: json.dumps(document, indent=2, ensure_ascii=False) + "\n" for name, document in files.items()}


class _Generator(GenerateJsonSchema):
    """Omits the titles of properties: code generators would make a type of each."""

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002 - the base class passes it
        return False


def _definitions(frames: list[type[BaseModel]], mode: JsonSchemaMode) -> JsonObject:
    _, document = models_json_schema(
        [(frame, mode) for frame in frames], ref_template=_DEFS + "{model}", schema_generator=_Generator
    )
    definitions: JsonObject = document["$defs"]
    for frame in frames:
        # `type` has a default for Python code that builds a frame; in JSON it is required.
        definition = definitions[frame.__name__]
        definition["properties"]["type"].pop("default", None)
        definition["required"] = sorted({"type", *definition.get("required", [])})
    return definitions


def _block_data() -> JsonObject:
    """The definitions for `stream_block.data`: one for each `block_type`, and their parts."""
    models = [*PARSED_BLOCKS.values(), *ENTITY_REFS]
    _, document = models_json_schema(
        [(model, "serialization") for model in models], ref_template=_DEFS + "{model}", schema_generator=_Generator
    )
    definitions: JsonObject = document["$defs"]
    for name, model in PARSED_BLOCKS.items():
        definition = definitions[name] = definitions.pop(model.__name__)
        definition["title"] = name
        del definition["properties"]["type"]
        definition["required"].remove("type")
    mapping = {
        definitions[model.__name__]["properties"]["entity"]["const"]: _DEFS + model.__name__ for model in ENTITY_REFS
    }
    definitions["EntityRefData"] = {
        "description": "An `entity_ref`: items of one entity, as the device has them.",
        "oneOf": [{"$ref": reference} for reference in mapping.values()],
        "discriminator": {"propertyName": "entity", "mapping": mapping},
    }
    return definitions


def _drop_nulls_that_are_left_out(definition: JsonObject) -> None:
    """Remove null from optional fields: the server leaves out a field instead of sending null."""
    for name, schema in definition.get("properties", {}).items():
        choices = schema.get("anyOf", [])
        if name not in definition.get("required", []) and {"type": "null"} in choices:
            others = [choice for choice in choices if choice != {"type": "null"}]
            del schema["anyOf"]
            schema.pop("default", None)
            schema.update(others[0] if len(others) == 1 else {"anyOf": others})


def _frames(union: object) -> list[type[BaseModel]]:
    annotated, *_ = get_args(union)
    return list(get_args(annotated))


def _type_of(frame: type[BaseModel]) -> str:
    return str(frame.model_fields["type"].default.value)


def _union(description: str, frames: list[type[BaseModel]]) -> JsonObject:
    mapping = {_type_of(frame): _DEFS + frame.__name__ for frame in frames}
    return {
        "description": description,
        "oneOf": [{"$ref": reference} for reference in mapping.values()],
        "discriminator": {"propertyName": "type", "mapping": mapping},
    }


def _operation(action: str, frames: list[type[BaseModel]]) -> JsonObject:
    return {
        "action": action,
        "channel": {"$ref": "#/channels/device"},
        "messages": [{"$ref": f"#/channels/device/messages/{frame.__name__}"} for frame in frames],
    }


def _without_discriminator(schema: Any) -> Any:
    """`schema` with references to AsyncAPI's components; `discriminator` is dropped: it has another meaning there."""
    if isinstance(schema, list):
        return [_without_discriminator(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    moved = {}
    for key, value in schema.items():
        if key == "$ref" and isinstance(value, str):
            moved[key] = value.replace(_DEFS, _COMPONENTS, 1)
        elif key != "discriminator":
            moved[key] = _without_discriminator(value)
    return moved


def main(arguments: list[str]) -> Iterator[Path]:
    """Write the documents into the folder in `arguments`; yields the written files."""
    (folder,) = map(Path, arguments)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in documents().items():
        (folder / name).write_text(text, encoding="utf-8")
        yield folder / name


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m streaming.wire.schema FOLDER")
    for path in main(sys.argv[1:]):
        sys.stdout.write(f"{path}\n")
