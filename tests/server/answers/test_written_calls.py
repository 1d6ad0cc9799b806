"""Tool calls that a model writes as text, over the socket: they run once, and nothing of them stays on the screen."""

from __future__ import annotations

import json
from typing import Any

from client.terminal.store import DeviceStore
from client.terminal.tools import DeviceTools
from tests.model_server import ReceivedRequest, Step, chunk, end, error_status, text_stream
from tests.server.tessera import Tessera, is_routing, open_tessera, tool_messages

TASKS = [{"id": "t1", "title": "Walk", "status": "todo"}]


async def ask(tessera: Tessera, script: Any, need: str = "read", message: str = "my tasks", **device: Any) -> Any:
    def reply(request: ReceivedRequest) -> list[Step]:
        if is_routing(request):
            return text_stream(json.dumps({"agent": "task_agent", "need": need}))
        steps: list[Step] = script(request)
        return steps

    tessera.model.fallback = reply
    store = DeviceStore(None, {"task": [dict(task) for task in TASKS]})
    async with tessera.device(tools=DeviceTools(store).table(), **device) as connected:
        answer = await connected.home(message)
        await answer.finish()
        return answer, store.list("task")[0]


async def test_the_reasoning_before_a_written_call_goes_back_to_the_provider(database: str) -> None:
    def deepseek(request: ReceivedRequest) -> list[Step]:
        """Refuses a second round without the reasoning of the first, as the real one does."""
        if not tool_messages(request):
            return [chunk({"reasoning_content": "I look."}), chunk({"content": "list_tasks()"}), *end()]
        asked = next(message for message in request.body["messages"] if message["role"] == "assistant")
        if asked.get("reasoning_content") != "I look.":
            return error_status(400)
        return text_stream("You have one task.")

    async with open_tessera(database, model_name="deepseek-reasoner") as tessera:
        answer, _ = await ask(tessera, deepseek)
        assert (answer.end.status, answer.text) == ("completed", "You have one task.")
