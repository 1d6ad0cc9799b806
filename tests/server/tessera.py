"""The whole server in a test: real listeners on free ports, a real database, a scripted model server over HTTP."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import trio
from argon2 import PasswordHasher
from cryptography.fernet import Fernet

from agents.prompt_text import MESSAGE_MARK, SENT_MARK
from client.terminal.account import SignIn, register
from client.terminal.calls import Approve, Tools
from client.terminal.device import Device, open_device
from client.terminal.link import OnMutation
from person import DayForm
from server.main import serve
from server.settings.environment import load_settings
from server.startup import Running
from streaming.wire import WsLocale
from tests.database import login_settings
from tests.model_server import ModelServer, ReceivedRequest, Step, open_model_server, text_stream

PASSWORD = "correct horse battery"
# The smallest parameters of argon2. The recommended ones take more time than most of the tests' requests.
CHEAP_HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
AnswerScript = Callable[[ReceivedRequest], list[Step]]


class Tessera:
    """A running server, its scripted model, and shortcuts to accounts and devices."""

    def __init__(self, running: Running, model: ModelServer, stop: trio.Event) -> None:
        self.running = running
        self.model = model
        self.stop = stop

    @property
    def ws_url(self) -> str:
        return self.running.ws_url

    @property
    def rest_url(self) -> str:
        return self.running.rest_url

    async def account(self) -> SignIn:
        return await register(self.rest_url, f"{uuid4().hex}@example.com", PASSWORD)

    @asynccontextmanager
    async def device(
        self,
        account: SignIn | None = None,
        *,
        device_id: UUID | None = None,
        tools: Tools | None = None,
        on_approval: Approve | None = None,
        on_mutation: OnMutation | None = None,
        locale: WsLocale | None = None,
        dates: DayForm | None = None,
    ) -> AsyncIterator[Device]:
        account = account or await self.account()
        async with open_device(
            self.ws_url,
            account.access_token,
            device_id=device_id,
            tools=tools,
            on_approval=on_approval,
            on_mutation=on_mutation,
            locale=locale,
            dates=dates,
        ) as device:
            yield device

    def script(self, answer: AnswerScript, agent: str = "task_agent") -> None:
        """Answer every routing call with `agent` (one token each way), and every other call with `answer(request)`."""

        def reply(request: ReceivedRequest) -> list[Step]:
            if is_routing(request):
                return text_stream(json.dumps({"agent": agent}), usage=(1, 1))
            return answer(request)

        self.model.fallback = reply

    def answers(self) -> list[ReceivedRequest]:
        """The model calls that were not for routing, in order."""
        return [request for request in self.model.requests if not is_routing(request)]


def is_routing(request: ReceivedRequest) -> bool:
    return bool(request.body.get("response_format", {}).get("json_schema", {}).get("name") == "intent")


def last_user_message(request: ReceivedRequest) -> str:
    """The last user message, without the data that stands before the person's own words."""
    messages = reversed(request.body["messages"])
    return words_of(next(str(message["content"]) for message in messages if message["role"] == "user"))


def words_of(content: str) -> str:
    """The person's own words of a user message, without what Tessera says before them."""
    words = content.rpartition(f"\n{MESSAGE_MARK}\n")[2]
    return words.partition(".)\n")[2] if words.startswith(SENT_MARK) else words


def data_of(request: ReceivedRequest) -> str:
    """The time, the memory and the popup's item, as the model reads them before the person's message."""
    contents = [str(message["content"]) for message in request.body["messages"] if message["role"] == "user"]
    return next(content.partition(f"\n{MESSAGE_MARK}\n")[0] for content in contents if MESSAGE_MARK in content)


def tool_messages(request: ReceivedRequest) -> list[str]:
    return [str(message["content"]) for message in request.body["messages"] if message["role"] == "tool"]


def text_block(*words: str) -> list[Step]:
    """A whole answer of one text block, a token per word."""
    return text_stream('[{"type":"text","content":"', *words, '"}]', usage=(7, len(words)))


@asynccontextmanager
async def open_tessera(database: str, **settings: Any) -> AsyncIterator[Tessera]:
    """Run the server on `database`, independent of the environment. Drains it on exit. `clock` is what it calls now."""
    clock: Callable[[], float] = settings.pop("clock", time.time)
    with tempfile.TemporaryDirectory(prefix="tessera-state-") as state:
        async with trio.open_nursery() as nursery, open_model_server(nursery) as model:
            environment = {
                "TESSERA_STATE_DIR": state,
                **login_settings(database),
                "TESSERA_MASTER_KEYS": Fernet.generate_key().decode(),
                "TESSERA_HTTP_BIND": "127.0.0.1:0",
                "TESSERA_WS_BIND": "127.0.0.1:0",
                "TESSERA_MODEL_URL": model.url,
                "TESSERA_MODEL_NAME": "scripted",
                "TESSERA_MODEL_SHAPE": "hosted",
                # A test's model fails because the script says so; a retry would only take time.
                "TESSERA_MODEL_ATTEMPTS": "1",
                # A script names the agent, so that a test's message does not have to.
                "TESSERA_ROUTER_ASKS": "always",
                # Every test of a server registers its accounts from one address.
                "TESSERA_MAX_SIGNUPS_PER_ADDRESS_HOUR": "1000",
            }
            environment |= {f"TESSERA_{name.upper()}": str(value) for name, value in settings.items()}
            stop = trio.Event()
            start = partial(serve, load_settings(environment), stop=stop, clock=clock, hasher=CHEAP_HASHER)
            running = await nursery.start(start)
            try:
                yield Tessera(running, model, stop)
            finally:
                stop.set()
