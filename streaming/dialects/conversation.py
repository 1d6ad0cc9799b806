"""The conversation as every provider accepts it: roles that alternate, ids that the server made, no foreign state."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from streaming.chat import Message

# Mistral's API, and servers that use its tokenizer, refuse a message of the user directly after the result of a tool.
_WANTS_REPLY: Final = re.compile("[sx]tral", re.IGNORECASE)  # mistral, ministral, devstral, mixtral, ...
_VALID_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9_-]")
_NAME_CHARS: Final = 64
_REPLY: Final = Message("assistant", "OK.")


def conversation(messages: Sequence[Message], model: str = "") -> list[Message]:
    """`messages` in the form that the strictest provider of `model` accepts.

    - Neighbouring messages of one role are one message, except the results of tools. Blank ones are left out, except a
      last one.
    - The first message that is not from the system is the user's: what the assistant said before is left out.
    - Mistral's models get a short reply of the assistant between the result of a tool and the user's next message.
    - Ids of calls are the server's own: nine letters and digits, which every provider accepts, numbered in the order of
      the conversation. So an id is the same in every call of a model for one request, whichever provider answers.
    - Names of tools that a model invented have only letters, digits, `_` and `-`, at most 64, and begin with no digit.
    """
    joined: list[Message] = []
    user_spoke = False
    for number, message in enumerate(messages):
        blank = not message.content.strip() and not message.tool_calls
        if blank and message.role == "user" and number < len(messages) - 1:
            continue
        user_spoke = user_spoke or message.role == "user"
        if not user_spoke and message.role in ("assistant", "tool"):
            continue
        if blank and message.role in ("system", "assistant"):
            continue
        if joined and joined[-1].role == message.role and message.role != "tool":
            joined[-1] = _join(joined[-1], message)
        else:
            joined.append(message)
    return _with_own_ids(with_replies(joined) if _WANTS_REPLY.search(model) else joined)


def with_replies(messages: Iterable[Message]) -> tuple[Message, ...]:
    """`messages` with a short reply of the assistant between the result of a tool and the user's next message."""
    made: list[Message] = []
    for message in messages:
        if message.role == "user" and made and made[-1].role == "tool":
            made.append(_REPLY)
        made.append(message)
    return tuple(made)


def own_state(messages: Iterable[Message], origin: str) -> tuple[Message, ...]:
    """`messages` without the state that another model than `origin` sent: no model accepts that of another one."""
    messages = tuple(messages)
    if all(message.state is None and not message.tool_calls for message in messages):
        return messages
    return tuple(
        message if message.state is not None and message.state.origin == origin else _without_state(message)
        for message in messages
    )


def _without_state(message: Message) -> Message:
    if message.state is None and not any(call.state for call in message.tool_calls):
        return message
    return replace(message, state=None, tool_calls=tuple(replace(call, state=None) for call in message.tool_calls))


def _join(first: Message, second: Message) -> Message:
    content = "\n\n".join(text for text in (first.content, second.content) if text.strip())
    # A message without calls has no state that a provider insists on.
    state = second.state if second.tool_calls else first.state
    return replace(first, content=content, tool_calls=first.tool_calls + second.tool_calls, state=state)


def _valid_name(name: str) -> str:
    if _VALID_NAME.fullmatch(name):
        return name
    name = _NOT_IN_NAMES.sub("_", name)[:_NAME_CHARS]
    return name if _VALID_NAME.fullmatch(name) else f"_{name}"[:_NAME_CHARS]


def _with_own_ids(messages: Iterable[Message]) -> list[Message]:
    own: dict[str, str] = {}
    result: list[Message] = []
    for message in messages:
        if not message.tool_calls and message.tool_call_id is None:
            result.append(message)  # most messages
            continue
        for call_id in (*(call.id for call in message.tool_calls), message.tool_call_id):
            if call_id is not None and call_id not in own:
                own[call_id] = f"call{len(own) + 1:05d}"
        calls = tuple(replace(call, id=own[call.id], name=_valid_name(call.name)) for call in message.tool_calls)
        call_id = None if message.tool_call_id is None else own[message.tool_call_id]
        result.append(replace(message, tool_calls=calls, tool_call_id=call_id))
    return result
