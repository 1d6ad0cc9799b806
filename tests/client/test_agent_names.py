"""The names of agents in the terminal client."""

from __future__ import annotations

import pytest

from client.terminal.renderer import Renderer
from person import Sentences
from streaming.wire import WsStreamStart
from tests.client.test_renderer import ID, console, shown


@pytest.mark.parametrize(
    ("language", "agent", "name"),
    [("en", "task_agent", "Tasks"), ("ja", "general_agent", "アシスタント"), ("de", "travel_agent", "travel agent")],
)
def test_the_agent_has_a_name_in_the_persons_language(language: str, agent: str, name: str) -> None:
    target = console()
    renderer = Renderer(target, sentences=lambda: Sentences.of(language))
    renderer.frame(WsStreamStart(request_id=ID, agent=agent))
    assert shown(target) == f"{name}\n"
