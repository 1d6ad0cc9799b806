"""Examples of every frame, with all and with only the required fields, as JSON objects."""

from __future__ import annotations

from typing import Any

ID = "6f1d3c1e-2a53-4a6e-9d55-0a0d3f9a7b01"
OTHER_ID = "6f1d3c1e-2a53-4a6e-9d55-0a0d3f9a7b02"
_CLIENT = {"name": "tessera-desktop", "version": "1.2.0", "platform": "linux"}
_TASK = {"id": "t1", "title": "Zähne", "assignee": None, "dueDate": 1_767_225_600_000}

CLIENT_FRAMES: list[dict[str, Any]] = [
    {"type": "device_hello", "device_id": ID, "protocol_versions": [3], "client": _CLIENT},
    {
        "type": "device_hello",
        "token": "t",
        "device_id": ID,
        "protocol_versions": [2, 3],
        "client": _CLIENT,
        "resume": {"session_id": OTHER_ID, "seq": 17},
    },
    {
        "type": "device_hello",
        "device_id": ID,
        "protocol_versions": [3],
        "client": _CLIENT,
        "features": ["block_open", "unheard_of"],
    },
    {"type": "home_request", "message": "What today?"},
    {
        "type": "home_request",
        "request_id": ID,
        "message": "What today?",
        "conversation_history": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}],
        "session_id": "chat-1",
    },
    {"type": "popup_request", "message": "Shorten it", "scope": {"type": "note"}},
    {"type": "popup_request", "request_id": ID, "message": "Shorten it", "scope": {"type": "note", "id": "n1"}},
    {"type": "cancel", "request_id": ID},
    {"type": "tool_result", "call_id": ID, "ok": True, "data": {"items": [_TASK]}},
    {"type": "tool_result", "call_id": ID, "ok": False, "error": {"code": "denied", "message": "no"}},
    {"type": "data_response", "data_id": ID, "items": [_TASK]},
    {"type": "data_response", "data_id": ID, "error": {"code": "not_found", "message": ""}},
    {"type": "mutation", "op": "update", "entity": "task", "id": "t1", "data": {"assignee": None}},
    {"type": "mutation", "op": "delete", "entity": "task", "id": "t1"},
    {"type": "memory_forget", "memory_id": ID},
    {"type": "ping"},
    {"type": "auth_refresh", "token": "t"},
]

SERVER_FRAMES: list[dict[str, Any]] = [
    {
        "seq": 1,
        "type": "device_ready",
        "session_id": ID,
        "protocol_version": 3,
        "user_id": OTHER_ID,
        "heartbeat_s": 25.0,
        "limits": {"max_frame_bytes": 1_048_576, "max_concurrent_requests": 8, "max_message_chars": 20_000},
        "resume": "new",
    },
    {"seq": 2, "type": "stream_start", "request_id": ID, "agent": "task_agent"},
    {"seq": 3, "type": "popup_domain", "request_id": ID, "domain": "notes"},
    {"seq": 4, "type": "block_open", "request_id": ID, "block": 1, "block_type": "chart"},
    {"seq": 4, "type": "stream_text", "request_id": ID, "block": 0, "chunk": "Zähne\n"},
    {
        "seq": 5,
        "type": "stream_block",
        "request_id": ID,
        "block": 1,
        "block_type": "entity_ref",
        "data": {"entity": "task", "items": [_TASK]},
    },
    {"seq": 6, "type": "stream_end", "request_id": ID, "status": "cancelled", "mutations": []},
    {
        "seq": 7,
        "type": "stream_end",
        "request_id": ID,
        "status": "failed",
        "mutations": [
            {"op": "delete", "entity": "task", "id": "t1"},
            {"op": "update", "entity": "task", "id": "t1", "data": {"assignee": None}},
        ],
        "usage": {"input_tokens": 10, "output_tokens": 2},
        "error": {"code": "model_timeout", "message": "The model did not answer.", "retryable": True},
    },
    {
        "seq": 7,
        "type": "stream_end",
        "request_id": ID,
        "status": "completed",
        "mutations": [],
        "memory_used": [{"id": OTHER_ID, "tier": "associative", "reason": "matches lisbon; similarity 0.71"}],
    },
    {"seq": 7, "type": "memory_forgotten", "memory_id": OTHER_ID, "tiers": ["associative", "episodic"]},
    {
        "seq": 8,
        "type": "tool_call",
        "call_id": OTHER_ID,
        "request_id": ID,
        "tool": "update_task",
        "args": {"id": "t1", "data": {"assignee": None}},
        "deadline_ms": 30_000,
        "requires_approval": False,
    },
    {"seq": 9, "type": "tool_cancel", "call_id": OTHER_ID},
    {"seq": 10, "type": "data_request", "data_id": OTHER_ID, "request_id": ID, "entity": "note"},
    {
        "seq": 11,
        "type": "data_request",
        "data_id": OTHER_ID,
        "request_id": ID,
        "entity": "note",
        "id": "n1",
        "filter": {"projectId": None},
    },
    {"seq": 12, "type": "mutation", "op": "delete", "entity": "note", "id": "n1"},
    {
        "seq": 13,
        "type": "mutation",
        "op": "create",
        "entity": "task",
        "id": "t1",
        "data": _TASK,
        "request_id": ID,
        "origin_device_id": OTHER_ID,
    },
    {"seq": 14, "type": "pong"},
    {"seq": 15, "type": "auth_expiring", "in_s": 60.0},
    {"seq": 16, "type": "error", "code": "invalid_frame", "message": "No.", "retryable": False},
    {"seq": 17, "type": "error", "code": "unknown_request", "message": "No.", "retryable": False, "request_id": ID},
]
