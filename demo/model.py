"""The demo model: takes a request, returns tool calls or a text. Equal requests have equal answers."""

from __future__ import annotations

import json
from dataclasses import dataclass

from demo.answer import compose
from demo.items import gather
from demo.plan import Call, next_calls
from demo.request import DemoRequest
from demo.schema import constrained_answer
from demo.wish import read_wish


@dataclass(frozen=True, slots=True)
class Reply:
    """The model's reply: either `calls` or `text`."""

    text: str = ""
    calls: tuple[Call, ...] = ()


def respond(request: DemoRequest, *, now_ms: int) -> Reply:
    """Answer `request`. `now_ms` is the time if the request does not state one."""
    if request.schema is not None and "blocks" not in request.schema.get("properties", {}):
        answer = constrained_answer(request.schema, (request.question, *request.earlier))
        return Reply(text=json.dumps(answer, ensure_ascii=False))
    moment = request.now_ms if request.now_ms is not None else now_ms
    today = request.calendar.day_of(moment)
    wish = read_wish(request.question, today, request.calendar)
    items = gather(request.results)
    if calls := next_calls(wish, request, items):
        return Reply(calls=calls)
    text = compose(wish, request, items, today)
    return Reply(text=f'{{"blocks": {text}}}' if request.schema is not None else text)
