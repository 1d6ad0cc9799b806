"""The terminal client: signs in, connects, and runs one question or a conversation."""

from __future__ import annotations

import math
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import trio
from rich.console import Console

from client.terminal.account import RestError
from client.terminal.connection import ConnectError, ConnectionLostError, ProtocolError, alone
from client.terminal.conversation import Conversation
from client.terminal.device_login import Credentials, DeviceLogin
from client.terminal.journal import DeviceJournal
from client.terminal.persistent_device import PersistentDevice, open_persistent_device
from client.terminal.prompt import Prompt
from client.terminal.reconnection import DeviceState, Patience
from client.terminal.renderer import Renderer
from client.terminal.sample_data import sample_items
from client.terminal.session import Session, approver, remote_approvals
from client.terminal.store import DeviceStore, InvalidDataError
from client.terminal.system_locale import ToldLocale, system_locale
from client.terminal.tools import DeviceTools
from person import Calendar, Sentences, resolve_locale

EXIT_OK, EXIT_FAILED, EXIT_UNREACHABLE, EXIT_INTERRUPTED = 0, 1, 2, 130
_EXIT_BY_STATUS = {"completed": EXIT_OK, "cancelled": EXIT_INTERRUPTED}
_ONE_QUESTION_GIVES_UP_S = 120
_ADVICE_BY_CLOSE_CODE = frozenset({4501, 4502, 4510})
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 10.0


@dataclass(frozen=True, slots=True)
class Options:
    """The command line's options. Without `email`, the client uses the account in the state folder."""

    url: str
    rest: str
    state: Path
    email: str | None = None
    password: str | None = None
    message: str | None = None
    approve_everything: bool = False
    patience: Patience | None = None
    """How long to wait for the server. None: as long as the conversation lasts, or two minutes for one question."""


def show_unsent(console: Console, text: str) -> None:
    """Show what the person typed before the client ended, so that it can be copied."""
    renderer = Renderer(console, _calendar, sentences=_sentences)
    renderer.left_open()  # the cursor is after the question
    renderer.note(renderer.say("unsent", text=text))


async def run(options: Options, console: Console, prompt: Prompt | None, *, interactive: bool) -> int:
    """Run the client and show errors. Returns the exit code. With `prompt` None, asks only `options.message`."""
    renderer = Renderer(console, _calendar, sentences=_sentences)
    # A conversation waits for a server that does not run yet; one question fails.
    waits = interactive and options.message is None
    wait_s, connected = _FIRST_WAIT_S, trio.Event()
    while True:
        try:
            return await _run(options, renderer, prompt, connected, interactive=interactive)
        except RestError as error:
            renderer.error(renderer.say("sign_in_failed", message=error.message, status=error.status))
        except (httpx.TransportError, ConnectError) as error:
            if waits and not connected.is_set():
                if wait_s == _FIRST_WAIT_S:
                    url = options.url if isinstance(error, ConnectError) else options.rest
                    renderer.note(renderer.say("unreachable", url=url))
                await trio.sleep(wait_s)
                wait_s = min(_LONGEST_WAIT_S, wait_s * 2)
                continue
            reason = str(error) if isinstance(error, ConnectError) else f"{options.rest}: {type(error).__name__}"
            renderer.error(renderer.say("no_connection", reason=reason))
        except InvalidDataError as error:
            renderer.error(renderer.say("bad_data", reason=str(error)))
        except ProtocolError as error:
            renderer.error(renderer.say("bad_frame", reason=str(error)))
        except ConnectionLostError as error:
            known = error.code in _ADVICE_BY_CLOSE_CODE
            advice = renderer.say(f"close_{error.code}") if known else renderer.say("close_other", code=error.code)
            renderer.error(advice)
            return EXIT_FAILED
        return EXIT_UNREACHABLE


async def _run(
    options: Options, renderer: Renderer, prompt: Prompt | None, connected: trio.Event, *, interactive: bool
) -> int:
    named = Credentials(options.email, options.password or "") if options.email is not None else None
    path = options.state / "account.json"
    login = await trio.to_thread.run_sync(DeviceLogin.load, path, options.rest, named)
    sample = sample_items(int(time.time() * 1000), _calendar())
    store = await trio.to_thread.run_sync(DeviceStore.load, options.state / "device.json", sample, _calendar)
    renderer.name_of = store.name_of
    tools = DeviceTools(store)
    await tools.save()
    journal = await trio.to_thread.run_sync(DeviceJournal.load, options.state / "journal.json")
    signed_in = await login.sign_in()

    async def token(refused: bool) -> str:
        nonlocal signed_in
        if refused:
            try:
                signed_in = await login.sign_in()
            except (RestError, httpx.TransportError) as error:
                raise ConnectError(f"signing in again failed: {error}") from None
        return signed_in.access_token

    def show_state(state: DeviceState) -> None:
        if prompt is None:
            renderer.note(renderer.say(state))
        else:
            prompt.above(lambda: renderer.note(renderer.say(state)))

    approvals = None
    if interactive and prompt is not None and not options.approve_everything:
        approvals = remote_approvals(renderer, prompt, store)
    persistent = PersistentDevice(
        options.url,
        token,
        device_id=login.device_id,
        tools=tools.table(),
        journal=journal,
        on_approval=approver(renderer, prompt, store, everything=options.approve_everything),
        on_mutation=tools.apply,
        on_state=show_state,
        approvals=approvals,
        locale=ToldLocale(system_locale),
        patience=options.patience or Patience(give_up_s=math.inf if interactive else _ONE_QUESTION_GIVES_UP_S),
    )
    async with open_persistent_device(persistent) as device:
        connected.set()
        conversation = Conversation()
        if interactive and options.message is None:
            conversation = await trio.to_thread.run_sync(Conversation, options.state / "conversation.json")
            await trio.to_thread.run_sync(conversation.save)
            renderer.note(renderer.say("connected", url=options.url, email=login.email))
            renderer.note(renderer.say("help"))
            if conversation.is_continued:
                renderer.note(renderer.say("continued"))
        session = Session(device, tools, renderer, prompt, "> " if interactive else "", conversation)
        with alone():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(session.show_notices)
                await nursery.start(_watch_interrupts, session)
                if prompt is not None:
                    nursery.start_soon(prompt.run)
                code = await _converse(session, options.message)
                nursery.cancel_scope.cancel()
        if device.loss is not None:
            raise device.loss
    return code


def _calendar() -> Calendar:
    """The person's calendar now."""
    locale = system_locale()
    return resolve_locale(None if locale is None else locale.stated("device")).calendar


def _sentences() -> Sentences:
    """The sentences in the person's language."""
    locale = system_locale()
    return Sentences.of(None if locale is None else locale.language)


async def _converse(session: Session, message: str | None) -> int:
    if message is not None:
        return _EXIT_BY_STATUS.get(await session.ask_once(message), EXIT_FAILED)
    await session.converse()
    return EXIT_OK


async def _watch_interrupts(session: Session, task_status: trio.TaskStatus[None]) -> None:
    with trio.open_signal_receiver(signal.SIGINT) as signals:
        task_status.started()
        async for _ in signals:
            await session.interrupt()
