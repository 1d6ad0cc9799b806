"""The scripted perfect model: an OpenAI-compatible model that gives a scenario's replies in any request shape."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx

from evals.model_calls import EVENTS, ModelCalls, kind_of, refusal, response
from evals.scenario import Item, Scenario, ScriptCall, ScriptStep, ScriptTurn

_ANSWER: Final = "answer"
_STEPS: Final[Mapping[str, str]] = {
    "append_to_note": "append_note",
    "reschedule_checkpoint": "move_checkpoint",
    "search_notes": "list_notes",
}
"""The step of the shape `schema` that calls a tool, where it has another name."""
_ARGUMENTS: Final[Mapping[str, str]] = {
    "projectId": "project",
    "dueDate": "due",
    "dueOn": "due",
    "dueAfter": "due",
    "dateOn": "due",
    "content": "text",
}


@dataclass(slots=True)
class _Position:
    """Where the model is in the script of a turn: the step, and the calls of it that it has made one by one."""

    step: int = 0
    calls: int = 0


class Perfect(ModelCalls):
    """Answers each request by what it offers and demands: all tools, one tool, a schema of steps, or an answer.

    A reply that the request's schema does not allow is an error of the script (HTTP 500).
    """

    def __init__(self) -> None:
        super().__init__()
        self._position = _Position()

    def begin(self, scenario: Scenario, trial: int) -> None:
        """See `ModelCalls.begin`."""
        super().begin(scenario, trial)
        self._position = _Position()

    def begin_turn(self, turn: int) -> None:
        """See `ModelCalls.begin_turn`."""
        super().begin_turn(turn)
        self._position = _Position()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See `httpx.AsyncBaseTransport`."""
        body = await request.aread()
        kind = kind_of(body)
        self.count(kind)
        if self.scenario is None or self.turn >= len(self.scenario.perfect):
            return refusal(404, f"The perfect model has no reply for turn {self.turn + 1} of {self.name()}.")
        script = self.scenario.perfect[self.turn]
        if kind == "route":
            return _completion(json.dumps({"agent": script.agent, "need": script.need}), (), body)
        asked = json.loads(body)
        text, calls = self._reply(script, asked)
        if (fault := _fault(asked, text)) is not None:
            return refusal(500, f"{self.name()}: the schema does not allow the scripted reply: {fault}")
        return _completion(text, calls, body)

    def _reply(self, script: ScriptTurn, asked: Mapping[str, Any]) -> tuple[str, Sequence[ScriptCall]]:
        """The text and the calls of the reply."""
        # Asked once more, it says the same again, as it has nothing to correct.
        here = self._position
        here.step = min(here.step, len(script.steps) - 1)
        step = script.steps[here.step]
        schema = _schema(asked)
        offered = [tool["function"]["name"] for tool in asked.get("tools", ())]
        if schema is not None and asked["response_format"]["json_schema"]["name"] == "step":
            return json.dumps(self._step(script, schema), ensure_ascii=False), ()
        if _ANSWER in offered and asked.get("tool_choice") == "required":
            return "", [self._next_call(script) or ScriptCall(tool=_ANSWER)]
        if _ANSWER in offered or (schema is not None and not offered) or not step.calls:
            last = next((one for one in script.steps[here.step :] if not one.calls), script.steps[-1])
            here.step += 1
            return _text(last, schema), ()
        here.step += 1
        return "", step.calls

    def _next_call(self, script: ScriptTurn) -> ScriptCall | None:
        """The next single call; None if the script answers next. A call that a list answers too is left out."""
        here = self._position
        step = script.steps[here.step]
        if not step.calls:
            return None
        call = step.calls[here.calls]
        here.calls += 1
        if here.calls == len(step.calls):
            here.step, here.calls = min(here.step + 1, len(script.steps) - 1), 0
        return call

    def _step(self, script: ScriptTurn, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """The step of the shape `schema`."""
        rows = {row["properties"]["tool"]["const"]: row["properties"]["args"] for row in schema["anyOf"]}
        call = self._next_call(script)
        if call is not None:
            name = _STEPS.get(call.tool, call.tool)
            if name not in rows and name.startswith("get_"):
                return {"tool": f"list_{name.removeprefix('get_')}s", "args": {}}
            return {"tool": name, "args": dict(_arguments(call, rows.get(name, {"properties": {}})["properties"]))}
        step = script.steps[self._position.step]
        if _ANSWER in rows:
            return {"tool": _ANSWER, "args": {}}
        view = next((shown for block in step.blocks if (shown := _view(block)) is not None), None)
        if view is not None:
            return view
        return {"tool": "say", "args": {"text": _words(step)}}


def _arguments(call: ScriptCall, known: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The arguments of `call` that the step knows, by their names in the step."""
    for name, value in call.args.items():
        own = call.tool.rpartition("_")[2] if name == "id" else _ARGUMENTS.get(name, name)
        if name == "id" and own not in known:
            own = next((one for one in known if one in ("task", "project", "note", "checkpoint")), name)
        if own not in known and own == "due":
            own = "date"
        if own in known and not isinstance(value, list):
            yield own, value


def _view(block: Item) -> Mapping[str, Any] | None:
    """The step that shows a value-bound block; None for other blocks."""
    source = block.get("from")
    if not isinstance(source, dict):
        return None
    args: dict[str, Any] = {"of": source["entity"]}
    match block["type"]:
        case "chart":
            args |= {"type": block["chartType"], "by": source["groupBy"], "title": block.get("title", "")}
        case "table":
            args |= {key: source[key] for key in ("columns", "sort") if key in source}
    return {"tool": f"show_{block['type']}", "args": args}


def _words(step: ScriptStep) -> str:
    return step.text if step.text is not None else "\n".join(str(block.get("content", "")) for block in step.blocks)


def _text(step: ScriptStep, schema: Mapping[str, Any] | None) -> str:
    if step.text is not None:
        return step.text
    if schema is None:
        return json.dumps(step.blocks, ensure_ascii=False)
    forms = schema["properties"]["blocks"]["items"]["anyOf"]
    blocks = [_with_nulls(block, _form(block, forms)) for block in step.blocks]
    return json.dumps({"blocks": blocks}, ensure_ascii=False)


def _form(block: Item, forms: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The form of `block` among those of the schema; an empty one if none has its type and its members."""
    for form in forms:
        members = form["properties"]
        if members["type"]["const"] == block["type"] and block.keys() <= members.keys():
            return form
    return {}


def _with_nulls(value: Item, form: Mapping[str, Any]) -> Item:
    """`value` with null for each member that it leaves out, as strict schemas want."""
    filled: Item = {**dict.fromkeys(form.get("required", ())), **value}
    for name, one in filled.items():
        part = form.get("properties", {}).get(name, {})
        if isinstance(one, dict):
            filled[name] = _with_nulls(one, part)
    return filled


def _schema(asked: Mapping[str, Any]) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = asked.get("response_format", {}).get("json_schema", {}).get("schema")
    return found


def _fault(asked: Mapping[str, Any], text: str) -> str | None:
    """Why the request's schema does not allow `text`; None if it does."""
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - takes a second, and a replay does not need it

    schema = _schema(asked)
    if schema is None or not text:
        return None
    error = next(Draft202012Validator(schema).iter_errors(json.loads(text)), None)
    return None if error is None else error.message


def _completion(text: str, calls: Sequence[ScriptCall], body: bytes) -> httpx.Response:
    """A chat completion, streamed if the request asks for it. Four bytes count as one token."""
    usage = {"prompt_tokens": len(body) // 4, "completion_tokens": 1 + len(text) // 4}
    message: dict[str, Any] = {"role": "assistant", "content": text or None}
    if calls:
        message["tool_calls"] = [
            {
                "index": index,
                "id": f"call_{index}",
                "type": "function",
                "function": {"name": call.tool, "arguments": json.dumps(call.args, ensure_ascii=False)},
            }
            for index, call in enumerate(calls)
        ]
    finish = "tool_calls" if calls else "stop"
    if not json.loads(body).get("stream"):
        whole = {"choices": [{"index": 0, "message": message, "finish_reason": finish}], "usage": usage}
        return response(200, "application/json", json.dumps(whole, ensure_ascii=False))
    chunks = (
        {"choices": [{"index": 0, "delta": message, "finish_reason": None}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]},
        {"choices": [], "usage": usage},
    )
    head = {"object": "chat.completion.chunk", "model": "perfect"}
    events = [f"data: {json.dumps(head | chunk, ensure_ascii=False)}\n\n" for chunk in chunks]
    return response(200, EVENTS, "".join([*events, "data: [DONE]\n\n"]))
