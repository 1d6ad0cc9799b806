"""The spans of one chat request and their attributes: agent, tools, outcome and tokens."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from uuid import UUID

from server.telemetry.traces import Span, SpanKind, root_span, span, usage_attributes
from streaming.chat import Usage
from streaming.wire import WsFailure


def request_span(
    export: Callable[[Span], None] | None, mode: str, request_id: UUID
) -> AbstractContextManager[Span | None]:
    """The root span of one chat request."""
    attributes = {"tessera.mode": mode, "tessera.request_id": str(request_id)}
    return root_span(export, "chat_request", attributes)


def note_end(root: Span | None, agent: str | None, status: str, failure: WsFailure | None, usage: Usage) -> None:
    """Record the request's outcome and tokens on its root span."""
    if root is None:
        return
    root.note({"tessera.status": status, "gen_ai.agent.name": agent})
    root.note(usage_attributes(usage.input_tokens, usage.output_tokens))
    if failure is not None:
        root.failed(failure.code.value)


def note_route(routing: Span | None, agent: str, decided_by: str | None) -> None:
    """Record the chosen agent, and what chose it: `scope`, `classifier`, `model` or `keywords`."""
    if routing is not None:
        routing.note({"gen_ai.agent.name": agent, "tessera.routed_by": decided_by})


def agent_span(agent: str) -> AbstractContextManager[Span | None]:
    """The span of an agent's work: its model calls and tools."""
    return span(f"invoke_agent {agent}", {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": agent})


def tool_span(tool: str, call_id: str) -> AbstractContextManager[Span | None]:
    """The span of one tool call on the device."""
    attributes = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": tool,
        "gen_ai.tool.call.id": call_id,
        "gen_ai.tool.type": "function",
    }
    return span(f"execute_tool {tool}", attributes, SpanKind.CLIENT)
