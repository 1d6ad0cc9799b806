"""What every provider accepts: alternating roles, the user first, ids of the server's own, no foreign state."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from streaming.chat import ChatRequest, Message, ProviderState, ToolCall
from streaming.dialects import DIALECTS, own_state
from streaming.dialects.conversation import conversation
from streaming.dialects.openai_chat import OpenAIChat
from streaming.dialects.openai_responses import OpenAIResponses
from streaming.dialects.reasoning_models import fitted

ODD_IDS = ("", "call.1", "functions.list_tasks:0", "tool_0_ä", "x" * 100)
CALLS = tuple(ToolCall(identity, "get", "{}") for identity in ODD_IDS)
ROUND = (
    Message("user", "a"),
    Message("assistant", "", tool_calls=CALLS),
    *(Message("tool", str(number), tool_call_id=call.id) for number, call in enumerate(CALLS)),
)


def roles(dialect: str, *messages: Message) -> list[tuple[str, str]]:
    """Role and text of each turn on the wire, without the system's."""
    body = json.loads(DIALECTS[dialect].body(ChatRequest(messages), "m"))
    turns = body.get("messages") or body.get("input") or body.get("contents") or []
    found = []
    for turn in turns:
        content = turn.get("content", turn.get("parts"))
        text = content if isinstance(content, str) else "|".join(part["text"] for part in content)
        if turn["role"] != "system":
            found.append(("assistant" if turn["role"] == "model" else turn["role"], text))
    return found


@pytest.mark.parametrize("dialect", DIALECTS)
def test_neighbours_of_one_role_are_joined(dialect: str) -> None:
    messages = (
        Message("system", "s"),
        Message("user", "a"),
        Message("user", "b"),
        Message("assistant", "c"),
        Message("assistant", " "),
        Message("assistant", "d"),
        Message("user", "e"),
    )
    assert roles(dialect, *messages) == [("user", "a\n\nb"), ("assistant", "c\n\nd"), ("user", "e")]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_blank_answer_leaves_no_neighbours(dialect: str) -> None:
    assert roles(dialect, Message("user", "a"), Message("assistant", ""), Message("user", "b")) == [("user", "a\n\nb")]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_history_never_starts_with_the_assistant(dialect: str) -> None:
    begun = (Message("assistant", "Hello."), Message("tool", "x", tool_call_id="c"))
    assert roles(dialect, Message("system", "s"), *begun, Message("user", "a")) == [("user", "a")]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("blank", ["", " \n"])
def test_a_blank_message_of_the_user_is_left_out(dialect: str, blank: str) -> None:
    begun = (Message("user", blank), Message("assistant", "Hello."))
    assert roles(dialect, *begun, Message("user", "a")) == [("user", "a")]
    middle = (Message("user", "a"), Message("assistant", "b"), Message("user", blank), Message("assistant", "c"))
    assert roles(dialect, *middle, Message("user", "d")) == [("user", "a"), ("assistant", "b\n\nc"), ("user", "d")]


@pytest.mark.parametrize("model", ["mistral-large-latest", "mistralai/Devstral-Small", "open-mixtral-8x7b"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_mistral_gets_a_reply_between_a_result_and_the_users_message(dialect: str, model: str) -> None:
    """https://github.com/zed-industries/zed/issues/37021: "Unexpected role 'user' after role 'tool'"."""

    def order(asked: str) -> list[str]:
        body = json.loads(DIALECTS[dialect].body(ChatRequest((*ROUND, Message("user", "Answer now."))), asked))
        turns = body.get("messages") or body.get("input") or body["contents"]
        return ["OK." if "OK." in json.dumps(turn) else turn.get("role", "item") for turn in turns]

    assert order(model)[-3:] == [order("m")[-2] if dialect.startswith("openai") else "user", "OK.", "user"]
    assert "OK." not in order("m")
    assert order(model)[:-2] == order("m")[: len(order(model)) - 2]


def test_system_messages_are_joined() -> None:
    messages = [Message("system", "a"), Message("system", ""), Message("system", "b"), Message("user", "c")]
    assert conversation(messages) == [Message("system", "a\n\nb"), Message("user", "c")]


def test_neighbouring_calls_of_the_assistant_stay_together() -> None:
    first, second = ToolCall("a", "f", "{}"), ToolCall("b", "g", "{}")
    joined = conversation(
        [
            Message("user", "x"),
            Message("assistant", "One.", tool_calls=(first,)),
            Message("assistant", "Two.", tool_calls=(second,), state=ProviderState("o")),
        ]
    )[1]
    assert (joined.content, [call.name for call in joined.tool_calls]) == ("One.\n\nTwo.", ["f", "g"])
    assert joined.state == ProviderState("o")


def fields_in(body: Any, fields: tuple[str, ...]) -> list[str]:
    """The values of these fields in a request, in order."""
    found: list[str] = []
    if isinstance(body, dict):
        for key, value in body.items():
            if key in fields:
                found.append(value)
            else:
                found += fields_in(value, fields)
    elif isinstance(body, list):
        for value in body:
            found += fields_in(value, fields)
    return found


def ids_in(body: Any) -> list[str]:
    """Every id of a call in a request."""
    return fields_in(body, ("id", "call_id", "tool_call_id", "tool_use_id"))


def names_in(body: Any) -> list[str]:
    """Every name of a tool in a request without tools."""
    return fields_in(body, ("name",))


@pytest.mark.parametrize("dialect", ["openai-chat", "openai-responses", "anthropic-messages"])
def test_ids_are_the_servers_own_and_fit_the_strictest_provider(dialect: str) -> None:
    body = json.loads(DIALECTS[dialect].body(ChatRequest(ROUND), "m"))
    ids = ids_in(body)
    count = len(CALLS)
    assert len(ids) == 2 * count
    assert ids[:count] == ids[count:]
    assert len(set(ids)) == count
    assert all(re.fullmatch("[A-Za-z0-9]{9}", identity) for identity in ids)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("list_tasks", "list_tasks"),
        ("functions.list_tasks", "functions_list_tasks"),
        ("list tasks(\n", "list_tasks__"),
        ("2nd-tool", "_2nd-tool"),
        ("", "_"),
        ("x" * 100, "x" * 64),
        ("9" * 100, "_" + "9" * 63),
    ],
)
def test_names_that_a_model_invented_are_valid_at_the_strictest_provider(dialect: str, name: str, sent: str) -> None:
    """OpenAI, Anthropic and Mistral refuse a history whose calls have other names than tools may have."""
    call = ToolCall("c", name, "{}")
    messages = (Message("user", "a"), Message("assistant", "", tool_calls=(call,)), Message("tool", "r", (), "c"))
    names = names_in(json.loads(DIALECTS[dialect].body(ChatRequest(messages), "m")))
    assert names
    assert set(names) == {sent}


def test_ids_are_the_same_in_every_round_of_a_request() -> None:
    more = (*ROUND, Message("assistant", "", tool_calls=(ToolCall("z", "get", "{}"),)))
    longer = conversation(more)
    assert longer[: len(ROUND)] == conversation(ROUND)
    assert longer[-1].tool_calls[0].id == f"call{len(CALLS) + 1:05d}"


def test_only_the_model_that_sent_a_state_gets_it_back() -> None:
    signed = ToolCall("c", "get", "{}", {"extra_content": {}})
    mine = Message("assistant", "", tool_calls=(signed,), state=ProviderState("me", {"reasoning_content": "r"}))
    foreign = Message("assistant", "", tool_calls=(signed,), state=ProviderState("you"))
    unknown = Message("assistant", "", tool_calls=(signed,))
    plain = Message("assistant", "", tool_calls=(ToolCall("c", "get", "{}"),))
    assert own_state((mine, foreign, unknown, plain), "me") == (mine, plain, plain, plain)


@pytest.mark.parametrize("model", ["deepseek-v4-pro", "moonshotai/kimi-k2.6"])
def test_models_that_insist_on_reasoning_get_a_placeholder_for_calls_of_other_models(model: str) -> None:
    asked = json.loads(OpenAIChat().body(ChatRequest(ROUND), model))["messages"][1]
    assert asked["reasoning_content"] == " "
    assert "reasoning_content" not in json.loads(OpenAIChat().body(ChatRequest(ROUND), "gpt-5"))["messages"][1]


def test_gemini_over_openais_api_gets_a_placeholder_for_the_first_call_of_other_models() -> None:
    calls = json.loads(OpenAIChat().body(ChatRequest(ROUND), "google/gemini-3-pro"))["messages"][1]["tool_calls"]
    placeholder = {"google": {"thought_signature": "skip_thought_signature_validator"}}
    assert [call.get("extra_content") for call in calls] == [placeholder] + [None] * (len(CALLS) - 1)


def test_only_models_that_reason_are_asked_for_encrypted_reasoning() -> None:
    for reasoning in (True, False):
        body = json.loads(fitted(OpenAIResponses(), reasoning=reasoning).body(ChatRequest(ROUND), "m"))
        assert body.get("include") == (["reasoning.encrypted_content"] if reasoning else None)
