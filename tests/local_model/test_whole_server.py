"""The whole server with a small real language model. The tests check the protocol, not the quality of the answers."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import structlog
import trio

from agents.registry import AGENTS
from client.terminal.answer import Answer
from client.terminal.sample_data import sample_items
from client.terminal.store import DeviceStore
from client.terminal.tools import DeviceTools
from streaming.wire import WsHistoryMessage, WsPopupDomain, WsScope, WsStreamEnd, WsStreamStart, WsStreamText
from streaming.wire.codes import ErrorCode
from tests.local_model.conftest import OpenHouse
from tests.local_model.process import LocalModel, model_file, running_model

# Slow on a busy machine. Every wait inside has its own limit.
pytestmark = [pytest.mark.local_model, pytest.mark.timeout(1200)]

QUESTION = "Which tasks should I do today?"
# A model this small copies its earlier answers: with this history it answers with text.
HISTORY = (
    WsHistoryMessage(role="user", content="Hello"),
    WsHistoryMessage(
        role="assistant", content='{"blocks":[{"type":"text","content":"Hello! What can I do for you?"}]}'
    ),
)
# Without a history and a schema the model does not stop.
ENDLESS = "Tell me a long story."
ENDLESSLY: dict[str, Any] = {"model_max_output_tokens": 4000, "model_structured_output": "false"}
ENOUGH_S = 30.0


async def project(args: Mapping[str, Any]) -> Any:
    return {"id": args["id"], "name": "Orion", "status": "active"}


def texts(answer: Answer) -> list[WsStreamText]:
    return [frame for frame in answer.frames if isinstance(frame, WsStreamText)]


async def read_text(answer: Answer, frames: int) -> None:
    """Read until this number of text frames has arrived."""
    while len(texts(answer)) < frames:
        await anext(answer)


async def until_idle(model: LocalModel) -> None:
    """Return when the model's server writes no answer. It gives no event for that; each look waits for its turn."""
    parts = urlsplit(model.url)
    async with httpx.AsyncClient(headers={"Connection": "close"}, trust_env=False) as client:
        while any(slot["is_processing"] for slot in (await client.get(f"http://{parts.netloc}/slots")).json()):
            pass


def assert_ended_rightly(end: WsStreamEnd) -> None:
    """The answer is complete, or it says that it was cut: this model often writes until its token limit."""
    assert end.shown
    if end.finish == "length":
        assert end.error is not None
        assert (end.status, end.error.code) == ("failed", ErrorCode.ANSWER_CUT)
    else:
        assert (end.status, end.finish) == ("completed", "stop")


def routed_by(logs: Sequence[MutableMapping[str, Any]]) -> list[str]:
    return [entry["routed_by"] for entry in logs if entry["event"] == "request_ended"]


async def test_a_home_answer_held_to_the_schema_streams_as_text(local_model: LocalModel, open_house: OpenHouse) -> None:
    tools = DeviceTools(DeviceStore(items=sample_items(int(time.time() * 1000)))).table()
    async with open_house(local_model) as (tessera, relay), tessera.device(tools=tools) as device:
        with structlog.testing.capture_logs() as logs:
            answer = await device.home(QUESTION, history=HISTORY)
            end = await answer.finish()
        assert_ended_rightly(end)
        assert isinstance(answer.frames[0], WsStreamStart)
        assert answer.frames[0].agent in AGENTS
        assert routed_by(logs) == ["model"]
        assert len(texts(answer)) > 1
        assert answer.text.strip()
        assert not answer.text.lstrip().startswith(("{", "[")), "the JSON around the text was shown"
        assert end.usage is not None
        assert end.usage.output_tokens > 1
        assert end.usage.input_tokens > end.usage.output_tokens
        routing, answering = relay.calls
        assert (routing.schema_name, answering.schema_name) == ("intent", "blocks")
        assert all(len(call.requests) == 1 for call in relay.calls), "a connection was used again"


async def test_the_shape_schema_holds_every_step_of_a_real_model(
    local_model: LocalModel, open_house: OpenHouse
) -> None:
    tools = DeviceTools(DeviceStore(items=sample_items(int(time.time() * 1000)))).table()
    shape: dict[str, Any] = {"model_shape": "schema", "max_tool_rounds": 2, "model_max_output_tokens": 120}
    async with open_house(local_model, **shape) as (tessera, relay), tessera.device(tools=tools) as device:
        with structlog.testing.capture_logs() as logs:
            answer = await device.home("What is due today?")
            end = await answer.finish()
        (ended,) = [entry for entry in logs if entry["event"] == "request_ended"]
        assert ended["shape"] == "schema"
        assert {call.schema_name for call in relay.calls} <= {"step", "blocks"}
        assert relay.calls[0].schema_name == "step", "no model was asked to route"
        assert not [entry for entry in logs if entry["event"] == "model_shape_ignored"], "the server holds the schema"
        assert end.status == "completed" or end.error is not None


async def test_a_popup_answers_in_text_about_the_item_on_the_device(
    local_model: LocalModel, open_house: OpenHouse
) -> None:
    async with open_house(local_model) as (tessera, relay), tessera.device(tools={"get_project": project}) as device:
        answer = await device.popup("How is it going?", WsScope(type="project", id="p1"))
        end = await answer.finish()
        assert isinstance(answer.frames[0], WsPopupDomain)
        assert answer.frames[0].domain == "projects"
        assert_ended_rightly(end)
        assert len(texts(answer)) > 1
        assert answer.blocks == []
        (call,) = relay.calls  # the scope chooses the agent, without a model call
        assert call.schema_name is None
        assert "Orion" in json.dumps(call.requests[0]["messages"])


async def test_keywords_decide_when_the_model_is_late(local_model: LocalModel, open_house: OpenHouse) -> None:
    async with open_house(local_model, router_timeout_s=0.01) as (tessera, relay), tessera.device() as device:
        with structlog.testing.capture_logs() as logs:
            answer = await device.home(QUESTION, history=HISTORY)
            end = await answer.finish()
        assert_ended_rightly(end)
        assert isinstance(answer.frames[0], WsStreamStart)
        assert answer.frames[0].agent == "task_agent"
        assert routed_by(logs) == ["keywords"]
        assert len(relay.answers()) == 1


async def test_a_cancel_closes_the_model_connection_and_the_model_keeps_serving(
    local_model: LocalModel, open_house: OpenHouse
) -> None:
    async with (
        open_house(local_model, **ENDLESSLY) as (tessera, relay),
        tessera.device() as device,
    ):
        answer = await device.home(ENDLESS)
        await read_text(answer, 2)
        (call,) = relay.answers()
        assert not call.hung_up.is_set()
        await answer.cancel()
        assert (await answer.finish()).status == "cancelled"
        with trio.fail_after(ENOUGH_S):
            await call.hung_up.wait()
            await until_idle(local_model)
        assert not call.answered
    async with open_house(local_model) as (tessera, _), tessera.device() as device:
        assert_ended_rightly(await (await device.home(QUESTION, history=HISTORY)).finish())


async def test_a_device_that_vanishes_leaves_the_model_idle(local_model: LocalModel, open_house: OpenHouse) -> None:
    # Without a socket of its device, a request goes on for this time.
    async with open_house(local_model, **ENDLESSLY, resume_grace_s=1) as (tessera, relay):
        async with tessera.device() as device:
            await read_text(await device.home(ENDLESS), 1)
            await device.vanish()
        with trio.fail_after(ENOUGH_S):
            await relay.answers()[0].hung_up.wait()
            await until_idle(local_model)


async def test_more_requests_than_slots_on_two_devices_each_end_once(
    local_model: LocalModel, open_house: OpenHouse
) -> None:
    async with open_house(local_model, model_max_output_tokens=24) as (tessera, relay):
        async with tessera.device(tools={"get_project": project}) as one, tessera.device() as other:
            answers = [
                await one.home(QUESTION, history=HISTORY),
                await one.home("Write a note about the meeting", history=HISTORY),
                await one.popup("How is it going?", WsScope(type="project", id="p1")),
                await other.home(QUESTION, history=HISTORY),
            ]
            # Cancelled while it waits for a slot or is read; the other requests are not affected.
            withdrawn = await other.home("List my projects")
            await withdrawn.cancel()
            for answer in answers:
                end = await answer.finish()
                assert_ended_rightly(end)
                assert len(texts(answer)) > 1
                assert {frame.request_id for frame in answer.frames} == {answer.request_id}
            assert (await withdrawn.finish()).status == "cancelled"
        assert len(relay.answers()) == len(answers)


async def test_a_prompt_longer_than_the_models_context_fails_that_request_alone(
    local_model: LocalModel, open_house: OpenHouse
) -> None:
    async with open_house(local_model, max_message_chars=200_000) as (tessera, _), tessera.device() as device:
        answer = await device.home("task " * 12_000)
        end = await answer.finish()
        assert end.status == "failed"
        assert end.error is not None
        assert end.error.code is ErrorCode.MODEL_ERROR
        assert_ended_rightly(await (await device.home(QUESTION, history=HISTORY)).finish())


async def test_a_model_server_that_dies_in_mid_stream_fails_its_requests_and_no_more(open_house: OpenHouse) -> None:
    file = model_file()
    if file is None:
        pytest.skip("no local model is installed; `make test-model` installs one")
    with running_model(file) as model:
        async with (
            open_house(model, **ENDLESSLY) as (tessera, _),
            tessera.device() as device,
        ):
            answer = await device.home(ENDLESS)
            await read_text(answer, 1)
            model.process.kill()
            end = await answer.finish()
            assert (end.status, end.error and end.error.retryable) == ("failed", True)
            assert answer.text
            again = await (await device.home(QUESTION, history=HISTORY)).finish()
            assert (again.status, again.error and again.error.retryable) == ("failed", True)
            await device.ping()
