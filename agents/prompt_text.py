"""The messages sent to a model: the prompt files, and the request's own content, quoted where it is data."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal

from agents.dates import with_local_times, with_local_times_inside
from agents.limits import AgentLimits
from agents.quoted_data import within
from agents.steps import step_signatures
from agents.turn import Scope, Turn
from person import WEEKDAYS, Calendar, Locale
from streaming.chat import Message

SENT_MARK: Final = "(Sent "
"""How an earlier message of the person begins if its time is known. The demo model leaves this line out."""

MESSAGE_MARK: Final = "The person's message:"
"""The line between the data and the person's message. No line of the data is equal to it. The demo model reads it."""


_CUT: Final = " …(left out)… "


@cache
def prompt(name: str) -> str:
    """The text of `prompts/<name>.md`."""
    return (files("agents") / "prompts" / f"{name}.md").read_text(encoding="utf-8").strip()


@cache
def prompts_version() -> int:
    """The version of the prompts, which rises whenever a prompt's text changes; see `agents.prompt_files`."""
    return int(json.loads((files("agents") / "prompts" / "version.json").read_text(encoding="utf-8"))["version"])


def system_message(agent_name: str, turn: Turn, limits: AgentLimits, *, held: bool = False) -> Message:
    """What an agent is told. It depends only on the agent, the mode and whether tools may be called.

    `held`: the answer is held to the blocks' JSON Schema, so that a short description of them is enough.

    So it is the same bytes in every request, and providers can cache it.
    """
    tools = [prompt("tools")] if limits.max_rounds > 0 else []
    form = prompt("plain" if turn.mode == "popup" else "blocks_held" if held else "blocks")
    return Message("system", "\n\n".join([prompt(agent_name), prompt("rules"), *tools, form]))


def act_message(agent_name: str) -> Message:
    """What an agent of the shape `native` is told: nothing about the format of an answer, which comes later."""
    return Message("system", "\n\n".join(prompt(name) for name in (agent_name, "rules", "tools", "native")))


def step_message(mode: Literal["home", "popup"]) -> Message:
    """What a model of the shape `schema` is told. It is the same for all agents."""
    return Message("system", f"{prompt('step')}\n{step_signatures(mode)}\n{prompt('step_rules')}")


def answer_message(mode: Literal["home", "popup"]) -> Message:
    """The beginning of the answer phase, with the format of an answer."""
    form = [prompt("blocks_held")] if mode == "home" else []
    return Message("user", "\n\n".join([*form, prompt(f"answer_{mode}")]))


def opening_messages(agent_name: str, turn: Turn, limits: AgentLimits, system: Message | None = None) -> list[Message]:
    """System prompt, history and the person's message. `system`: another system prompt than that of `hosted`.

    What changes from request to request is in the last message: the time, the memory, the popup's item. So the messages
    before it are the same bytes as in the previous request of the conversation. In the system prompt, data would also
    have the strongest place for instructions that someone hid in it.
    """
    parts = [_now(turn.now_ms, turn.locale)]
    if turn.memory:
        parts.append(quote("memory", turn.memory, limits.quoted_chars))
    history = _fitting(turn.history, limits.history_chars)
    history = _dated(history, turn.earlier.sent_ms, turn.calendar)
    if len(history) < len(turn.history):
        parts.append("Older messages of this conversation are left out, because there are too many.")
    parts += _earlier(turn, limits.quoted_chars)
    if turn.scope is not None:
        parts.append(_scope(turn.scope, turn, limits.quoted_chars))
    return [
        system or system_message(agent_name, turn, limits),
        *history,
        Message("user", "\n".join([*parts, MESSAGE_MARK, turn.message])),
    ]


def quote(name: str, data: Mapping[str, Any], max_chars: int) -> str:
    """`data` as one line of JSON inside a `<data>` fence, without the entries of lists that do not fit.

    Text inside cannot close the fence, because `<` and `>` are escaped.
    """
    return fenced(name, within(data, max_chars))


def fenced(name: str, text: str) -> str:
    """JSON text inside a `<data>` fence, which it cannot close."""
    text = text.replace("<", "\\u003c").replace(">", "\\u003e")
    return f'<data name="{name}">\n{text}\n</data>'


def recent(history: Sequence[Message], max_chars: int) -> list[Message]:
    """The newest messages of `history` that fit in `max_chars`, oldest first."""
    kept: list[Message] = []
    for message in reversed(history):
        max_chars -= len(message.content)
        if max_chars < 0:
            break
        kept.append(message)
    return kept[::-1]


def _fitting(history: Sequence[Message], max_chars: int) -> list[Message]:
    """As `recent`. The newest message is always there, without its middle if it is longer than `max_chars`."""
    kept = recent(history, max_chars)
    if kept or not history or len(_CUT) >= max_chars:
        return kept
    newest = history[-1]
    side = (max_chars - len(_CUT)) // 2
    return [Message(newest.role, newest.content[:side] + _CUT + newest.content[len(newest.content) - side :])]


def _dated(history: Sequence[Message], sent_ms: Sequence[int], calendar: Calendar) -> list[Message]:
    """`history` with the time of each of the person's messages, without which its "tomorrow" would be a wrong day."""
    dated = list(history)
    asked = [place for place, message in enumerate(dated) if message.role == "user"]
    for place, sent in zip(reversed(asked), reversed(sent_ms), strict=False):
        dated[place] = Message("user", f"{SENT_MARK}{_time(sent, calendar)}.)\n{dated[place].content}")
    return dated


def _time(instant: int, calendar: Calendar) -> str:
    local = calendar.local(instant)
    return f"{WEEKDAYS[local.weekday()].capitalize()} {local.date().isoformat()}, {local:%H:%M}"


def _now(now_ms: int, locale: Locale) -> str:
    """The person's time and calendar. Values that every model assumes are left out."""
    text = f"Now it is {_time(now_ms, locale.calendar)} in {locale.time_zone}."
    if locale.time_zone_source == "default":
        text += " The person's time zone is not known."
    if locale.week_start:
        text += f" The person's weeks begin on {WEEKDAYS[locale.week_start].capitalize()}."
    if locale.hour_cycle in {"h11", "h12"}:
        text += " The person reads times in 12-hour form."
    return text


def _earlier(turn: Turn, max_chars: int) -> list[str]:
    """What the model must know of the conversation in addition to its messages."""
    earlier, parts = turn.earlier, []
    if earlier.unread:
        parts.append(
            "The earlier messages of this conversation cannot be read now. If the person refers to them, say so and "
            "ask; change nothing that you would have to guess."
        )
    if earlier.summaries:
        newest = _newest(with_local_times_inside(earlier.summaries, turn.calendar), max_chars)
        all_told = not earlier.omitted and len(newest) == len(earlier.summaries)
        begin = "The older" if all_told else "The latest of the older"
        summaries = quote("older_messages", {"summaries": newest}, max_chars)
        parts.append(f"{begin} messages of this conversation, summarised, oldest first:\n{summaries}")
    facts = [turn.handles.shorten_fact(fact) for fact in with_local_times_inside(earlier.facts, turn.calendar)]
    if facts := _newest(facts, max_chars):
        parts.append(
            "What your earlier answers in this conversation showed and changed, in their order. Use it to see which "
            'item the person means ("the second one"). Items may have changed since: read them again before you quote '
            "them.\n" + quote("earlier_answers", {"answers": facts}, max_chars)
        )
    return parts


def _newest(facts: Sequence[Any], max_chars: int) -> list[Any]:
    """The newest of `facts` that fit in `max_chars` as JSON, oldest first."""
    kept: list[Any] = []
    left = max_chars - len('{"answers": []}')
    for fact in reversed(facts):
        left -= len(json.dumps(fact, ensure_ascii=False, default=str)) + 2
        if left < 0:
            break
        kept.append(fact)
    return kept[::-1]


def _scope(scope: Scope, turn: Turn, max_chars: int) -> str:
    if scope.item is None and scope.id is None:
        return f"The person asks from the view of their {scope.type} items."
    if scope.item is None:
        why = scope.unread or "It was not read."
        named = turn.handles.shorten({"id": scope.id}, scope.type)
        return (
            f"The person has a {scope.type} open and asks about it, but its contents are not known: {why} "
            "Say so, unless your tools can read it.\n" + quote("open", named, max_chars)
        )
    return f"The person has this {scope.type} open and asks about it:\n" + quote(
        scope.type, turn.handles.shorten(with_local_times(scope.item, turn.calendar), scope.type), max_chars
    )
