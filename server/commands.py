"""The commands of `tessera`: run the server, check its settings, or maintain its database and keys.

`chat` and `eval` become other programs of this package.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Final

import structlog
import trio

from memory import NoSuchUser
from memory.embedding import EmbeddingError
from model_files import ModelMissing, progress_bar
from server.banner import banner
from server.key_commands import CommandFailed, invite, reembed, rotate_master_key, rotate_user_key
from server.local_model import DEFAULT_MODEL, LOCAL_MODELS, LocalModelFailed, fetch_local_model
from server.logs import configure_logging
from server.main import serve
from server.memory_service import KEY_FAULTS
from server.models import probe_model
from server.processes import ServiceManager, program, stop_on_signal
from server.settings import Settings, SettingsError, describe_settings, load_settings
from server.startup import Running
from server.storage import database_url, owner_url, prepare_state_dir
from server.workers import (
    FrozenObjects,
    Supervisor,
    WorkerFailed,
    allow_stale_deadlines,
    hasten_thread_switches,
    run_worker,
    supervise,
)
from sql.distribution import DistributionError, distribute
from sql.driver import DatabaseUnavailable
from sql.embedded import EmbeddedPostgresError
from sql.migrate import MigrationError, migrate, rollback
from sql.pool import PoolTimeout
from streaming.http import drop_unusable_key_log
from streaming.model import ModelError, open_http_client

log = structlog.get_logger(__name__)

_OPERATOR_ERRORS: Final = (
    OSError,
    DatabaseUnavailable,
    EmbeddedPostgresError,
    MigrationError,
    DistributionError,
    PoolTimeout,
    WorkerFailed,
    CommandFailed,
    EmbeddingError,
    NoSuchUser,
    ModelError,
    LocalModelFailed,
    ModelMissing,
    *KEY_FAULTS,
)
_ARGUMENTS: Final = ("user", "model", "folder", "offline", "email")
# These commands replace this process with another program of this package, which parses its own arguments.
_PROGRAMS: Final = {
    "chat": ("client.terminal", "talk to a server as a device in the terminal"),
    "eval": ("evals", "measure a model with scenarios; `eval run --help` lists the options"),
}
_FAILED: Final = 1
_BAD_SETTINGS: Final = 2


def main(arguments: list[str] | None = None) -> int:
    """Run the command. Returns the exit status: 0 success, 1 failure, 2 wrong arguments or settings."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments and arguments[0] in _PROGRAMS:
        module, _ = _PROGRAMS[arguments[0]]
        command_line = program(module, *arguments[1:])
        os.execv(command_line[0], command_line)  # noqa: S606 - our own interpreter
    options = _parser().parse_args(arguments)
    given = {name: getattr(options, name) for name in _ARGUMENTS if hasattr(options, name)}
    command: Callable[[Settings], Awaitable[None]] = partial(options.run, **given)
    status = 0
    try:
        settings = load_settings(os.environ)
        configure_logging(settings.log_level, settings.log_format)
        drop_unusable_key_log(os.environ)
        trio.run(command, settings)
    except* SettingsError as group:
        status = _BAD_SETTINGS
        _report(_mistakes(group))
    # An error that an operator can fix is printed as a sentence. Any other error is a bug and keeps its traceback.
    except* _OPERATOR_ERRORS as group:
        status = status or _FAILED
        for error in _leaves(group):
            print(f"tessera: {error}", file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tessera" if Path(sys.argv[0]).name == "tessera" else "python -m server",
        description="Tessera: the server of a multi-agent productivity app. Without a command it runs the server.",
        epilog="settings, as environment variables; the default is in brackets:\n" + describe_settings(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=version("tessera-server"))
    parser.set_defaults(run=_run)
    commands = parser.add_subparsers(title="commands", metavar="")
    for name, command, help_text in (
        ("run", _run, "run the server until SIGTERM or Ctrl-C"),
        ("worker", run_worker, "run one of several workers; only `run` starts it"),
        ("check-config", _check_config, "validate the settings and print them without secrets"),
        (
            "probe-model",
            _probe_model,
            "make five small calls to find out which fields the model's server obeys",
        ),
        ("migrate", _migrate, "apply the migrations that the database lacks"),
        ("rollback", _rollback, "undo the latest migration"),
        ("distribute", _distribute, "distribute the tables over a Citus cluster, after the migrations"),
        ("rotate-master-key", rotate_master_key, "encrypt every user's key with the first of TESSERA_MASTER_KEYS"),
    ):
        commands.add_parser(name, help=help_text, description=help_text).set_defaults(run=command)
    for name, (_, help_text) in _PROGRAMS.items():
        commands.add_parser(name, help=help_text, add_help=False)
    for name, of_user, optional, help_text in (
        ("rotate-user-key", rotate_user_key, False, "give one user a new key and re-encrypt all their memory with it"),
        (
            "reembed",
            reembed,
            True,
            "compute memory vectors with the current embedding model; without USER, for all users",
        ),
    ):
        subparser = commands.add_parser(name, help=help_text, description=help_text)
        subparser.add_argument(
            "user", metavar="USER", nargs="?" if optional else None, help="the user's id or e-mail address"
        )
        subparser.set_defaults(run=of_user)
    help_text = "print a code that lets one person register, within seven days"
    invites = commands.add_parser("invite", help=help_text, description=help_text)
    invites.add_argument("email", metavar="EMAIL", nargs="?", help="the only e-mail address that may use the code")
    invites.set_defaults(run=invite)
    help_text = "download a model into the state folder, to run it on this machine; an interrupted download resumes"
    fetch = commands.add_parser("fetch-model", help=help_text, description=help_text)
    fetch.add_argument(
        "model",
        metavar="MODEL",
        nargs="?",
        default=DEFAULT_MODEL,
        choices=LOCAL_MODELS,
        help=f"one of {', '.join(LOCAL_MODELS)} [{DEFAULT_MODEL}]",
    )
    fetch.add_argument(
        "--from", dest="folder", type=Path, metavar="FOLDER", help="search this folder for the file first"
    )
    fetch.add_argument("--offline", action="store_true", help="use only the folder given with --from, not the network")
    fetch.set_defaults(run=_fetch_model)
    return parser


async def _run(settings: Settings) -> None:
    stop = trio.Event()
    service_manager = ServiceManager.take(os.environ)
    supervisors: list[Supervisor] = []

    def pass_on(number: signal.Signals) -> None:
        for supervisor in supervisors:
            supervisor.pass_on(number)

    async with trio.open_nursery() as nursery:
        # Started first, so that a signal during the start also stops the server.
        await nursery.start(partial(stop_on_signal, stop, nursery.cancel_scope, pass_on))
        running: Running = await nursery.start(_serve, settings, stop, nursery.cancel_scope, supervisors)
        frozen = FrozenObjects()
        frozen.start()
        nursery.start_soon(frozen.run)
        hasten_thread_switches()
        allow_stale_deadlines()
        print(banner(running), flush=True)
        nursery.start_soon(service_manager.keep_watchdog_quiet)
        nursery.start_soon(_report_stop, service_manager, stop)
        await service_manager.ready(f"device socket {running.ws_url}, REST {running.rest_url}")
        if running.generated_key_file is not None:
            log.warning(
                "master_key_file",
                file=str(running.generated_key_file),
                advice="in production, set TESSERA_MASTER_KEYS and store it separately from backups of the database",
            )


async def _report_stop(service_manager: ServiceManager, stop: trio.Event) -> None:
    await stop.wait()
    await service_manager.stopping()


async def _serve(
    settings: Settings,
    stop: trio.Event,
    scope: trio.CancelScope,
    supervisors: list[Supervisor],
    task_status: trio.TaskStatus[Running],
) -> None:
    def started(supervisor: Supervisor) -> None:
        supervisors.append(supervisor)
        if stop.is_set():
            supervisor.pass_on(signal.SIGTERM)

    if settings.workers == 1:
        await serve(settings, stop=stop, task_status=task_status)
    else:
        await supervise(settings, on_supervisor=started, on_ready=task_status.started)
    scope.cancel()


async def _check_config(settings: Settings) -> None:
    for name, value in settings.model_dump().items():
        print(f"{name} = {value}")


async def _probe_model(settings: Settings) -> None:
    async with open_http_client(settings.http_transport) as client:
        model, obedience, shape = await probe_model(settings, client)
    print(f"{model}\n{obedience}\nshape: {shape}")


async def _fetch_model(settings: Settings, *, model: str, folder: Path | None, offline: bool) -> None:
    prepare_state_dir(settings.state_dir)
    fetch = partial(
        fetch_local_model,
        settings.state_dir,
        LOCAL_MODELS[model],
        folder=folder,
        offline=offline,
        progress=progress_bar,
    )
    # In a thread, so that Ctrl-C ends it immediately; the part that has arrived is kept.
    origin = await trio.to_thread.run_sync(fetch, abandon_on_cancel=True)
    print(f"{model}: {origin}")


async def _migrate(settings: Settings) -> None:
    prepare_state_dir(settings.state_dir)
    async with database_url(settings) as (url, description):
        applied = await migrate(owner_url(settings, url))
    print(f"{description}: " + (f"applied {', '.join(applied)}" if applied else "nothing to apply"))


async def _distribute(settings: Settings) -> None:
    prepare_state_dir(settings.state_dir)
    async with database_url(settings) as (url, description):
        tables = await distribute(owner_url(settings, url))
    print(f"{description}: " + (f"distributed {', '.join(tables)}" if tables else "nothing to distribute"))


async def _rollback(settings: Settings) -> None:
    prepare_state_dir(settings.state_dir)
    async with database_url(settings) as (url, description):
        undone = await rollback(owner_url(settings, url))
    print(f"{description}: " + (f"undid {', '.join(undone)}" if undone else "nothing to undo"))


def _report(mistakes: list[str]) -> None:
    print("Invalid settings:", file=sys.stderr)
    for mistake in mistakes:
        print(f"  {mistake}", file=sys.stderr)


def _mistakes(group: BaseExceptionGroup[SettingsError]) -> list[str]:
    return [mistake for error in _leaves(group) if isinstance(error, SettingsError) for mistake in error.mistakes]


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found
