"""Scripted model servers that treat tools and schemas as real servers do, for a model whose wishes a test gives.

A wish is a tool call `(name, arguments)`, which the model would make if the server lets it, or a text. The server
decides what becomes of it: a call, a text, or a document that its schema allows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.model_server import ReceivedRequest, Step, chunk, end, text_stream, tool_calls

Call = tuple[str, Mapping[str, Any]]
Wish = Call | str
Habit = Callable[[ReceivedRequest, Wish], list[Step]]


def filled(schema: Mapping[str, Any]) -> Any:
    """The first document that a schema allows."""
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return filled(schema["anyOf"][0])
    match schema.get("type"):
        case "object":
            wanted = schema.get("required", ())
            return {name: filled(inner) for name, inner in schema.get("properties", {}).items() if name in wanted}
        case "array":
            return [filled(schema["items"])]
        case "integer" | "number":
            return 0
        case "boolean":
            return False
    return "x"


def _held(request: ReceivedRequest, wish: Wish) -> str:
    """What a server that enforces the request's schema makes of the wish."""
    form = request.body["response_format"]["json_schema"]
    match form["name"]:
        case "step":
            if isinstance(wish, str):
                names = [one["properties"]["tool"]["const"] for one in form["schema"]["anyOf"]]
                written = {"tool": "say", "args": {"text": wish}} if "say" in names else {"tool": "answer", "args": {}}
            else:
                written = {"tool": wish[0], "args": dict(wish[1])}
            return json.dumps(written, ensure_ascii=False)
        case "blocks":
            text = wish if isinstance(wish, str) else "Here it is."
            return json.dumps({"blocks": [{"type": "text", "content": text}]}, ensure_ascii=False)
        case "intent":
            return '{"agent": "task_agent", "need": "read"}'
    return json.dumps(filled(form["schema"]))


def _may_call(request: ReceivedRequest, wish: Wish) -> bool:
    return bool(request.body.get("tools")) and not isinstance(wish, str)


def _called(request: ReceivedRequest, wish: Wish) -> list[Step]:
    """A forced or wished call; the first tool, filled, if the model did not wish for one."""
    if not isinstance(wish, str):
        return tool_calls(wish, usage=(100, 5))
    tools = [tool["function"] for tool in request.body["tools"]]
    way_out = next((tool for tool in tools if tool["name"] == "answer"), tools[0])
    return tool_calls((way_out["name"], filled(way_out["parameters"])), usage=(100, 5))


def _text(wish: Wish) -> list[Step]:
    words = wish if isinstance(wish, str) else f"I will call {wish[0]}."
    return text_stream(words, usage=(100, 5))


def llama_cpp(request: ReceivedRequest, wish: Wish) -> list[Step]:
    """The schema wins over tools; `required` is enforced by a grammar."""
    body = request.body
    if "response_format" in body:
        return text_stream(_held(request, wish), usage=(100, 5))
    if body.get("tools") and body.get("tool_choice") == "required":
        return _called(request, wish)
    if _may_call(request, wish) and body.get("tool_choice") != "none":
        return _called(request, wish)
    return _text(wish)


def llama_cpp_without_required(request: ReceivedRequest, wish: Wish) -> list[Step]:
    """llama.cpp with a template that reasons: `required` is accepted and not enforced, and the model runs on."""
    if request.body.get("tool_choice") == "required" and "response_format" not in request.body:
        return text_stream("\n" * 40, usage=(100, 64), finish="length")
    return llama_cpp(request, wish)


def vllm(request: ReceivedRequest, wish: Wish) -> list[Step]:
    """`required` drops the schema; with `auto` the schema suppresses calls; `none` keeps it."""
    body = request.body
    if body.get("tools") and body.get("tool_choice") == "required":
        return _called(request, wish)
    return llama_cpp(request, wish)


def vllm_with_empty_calls(request: ReceivedRequest, wish: Wish) -> list[Step]:
    """vLLM with an XML tool parser: after `required`, no calls and the finish reason `tool_calls`."""
    if request.body.get("tools") and request.body.get("tool_choice") == "required":
        return [chunk({"tool_calls": []}), *end("tool_calls", (100, 5))]
    return vllm(request, wish)


def ollama(request: ReceivedRequest, wish: Wish) -> list[Step]:
    """`required` and `none` are ignored; the format wins over tools."""
    if "response_format" in request.body:
        return text_stream(_held(request, wish), usage=(100, 5))
    return _called(request, wish) if _may_call(request, wish) else _text(wish)


def openai(request: ReceivedRequest, wish: Wish) -> list[Step]:
    """Everything is obeyed: the schema holds only the final text."""
    body = request.body
    choice = body.get("tool_choice", "auto")
    if body.get("tools") and choice == "required":
        return _called(request, wish)
    if _may_call(request, wish) and choice != "none":
        return _called(request, wish)
    return text_stream(_held(request, wish), usage=(100, 5)) if "response_format" in body else _text(wish)


def unenforced(request: ReceivedRequest, wish: Wish) -> list[Step]:
    """A server that takes every field and obeys none: text, whatever is asked."""
    del request
    return _text(wish)


def wishes(habit: Habit, *wanted: Wish) -> Callable[[ReceivedRequest], Sequence[Step]]:
    """A reply for each request: the wishes in their order, the last one for all further requests.

    A probe's request gets its own wish: what the fixed words of the probe ask for.
    """
    left = list(wanted)

    def reply(request: ReceivedRequest) -> Sequence[Step]:
        words = str(request.body["messages"][-1]["content"])
        if (probed := _probed(words)) is not None:
            return habit(request, probed)
        return habit(request, left.pop(0) if len(left) > 1 else left[0])

    return reply


def _probed(words: str) -> Wish | None:
    if words.startswith("Call the tool look_up for "):
        return ("look_up", {"colour": words.split()[5]})
    return "Fine." if words in ("Good morning.", "Write a sentence about the weather.") else None
