"""The JSON Schema of scenario files, generated from the models. Editors check and complete a file with it."""

from __future__ import annotations

import json

from evals.scenario import Scenario


def schema_text() -> str:
    """The text of `scenario.schema.json`."""
    schema = Scenario.model_json_schema()
    del schema["properties"]["id"]
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps(head | schema, indent=1, ensure_ascii=False) + "\n"
