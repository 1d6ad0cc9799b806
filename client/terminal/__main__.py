"""Talk to a Tessera server as a device: `python -m client.terminal [message]`."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from pathlib import Path

import trio

try:
    import tzlocal  # noqa: F401 - `client.terminal.app` needs it
    from rich.console import Console
except ModuleNotFoundError as error:
    raise SystemExit(
        f"The terminal client needs the package {error.name}. Install tessera-server[terminal]."
    ) from error

from client.terminal.app import EXIT_INTERRUPTED, Options, run, show_unsent
from client.terminal.prompt import Prompt, prompt_for_stdin
from client.terminal.terminal_mode import restored_terminal

PASSWORD_VARIABLE = "TESSERA_CLIENT_PASSWORD"  # noqa: S105 - the name of the variable, not its value


def parse_arguments(arguments: list[str]) -> Options:
    """Parse the command line. The password comes from the environment or the keyboard, never from an argument."""
    parser = argparse.ArgumentParser(
        prog="python -m client.terminal",
        description="Talk to a Tessera server as a device with its own tasks, projects, notes and checkpoints.",
    )
    parser.add_argument(
        "message", nargs="*", help="ask this question, print the answer and exit; without it, start a conversation"
    )
    parser.add_argument(
        "--url",
        default="ws://127.0.0.1:8765/api/v1/ws/device",
        help="URL of the server's device socket (default: %(default)s)",
    )
    parser.add_argument(
        "--rest", default="http://127.0.0.1:8000", help="URL of the server's REST listener (default: %(default)s)"
    )
    parser.add_argument(
        "--state",
        type=Path,
        default=Path(".state"),
        help="folder for this device's account and data (default: %(default)s)",
    )
    parser.add_argument(
        "--email",
        help=f"sign in with this account; the password is read from {PASSWORD_VARIABLE} or asked for "
        "(default: an account that is created for this device)",
    )
    parser.add_argument("--yes", action="store_true", help="approve every tool call without asking")
    given = parser.parse_args(arguments)
    password = None
    if given.email is not None:
        password = os.environ.get(PASSWORD_VARIABLE) or getpass.getpass()
    return Options(
        url=given.url,
        rest=given.rest,
        state=given.state,
        email=given.email,
        password=password,
        message=" ".join(given.message) or None,
        approve_everything=given.yes,
    )


def main() -> int:
    """Run the client. Returns the exit code."""
    try:
        options = parse_arguments(sys.argv[1:])
        interactive = sys.stdin.isatty()
        # With a message on the command line, a pipe on standard input may belong to another program: do not read it.
        prompt: Prompt | None = prompt_for_stdin() if interactive or options.message is None else None
        console = Console(highlight=False)
        with restored_terminal(
            sys.stdin.fileno(),
            lambda: "" if prompt is None else prompt.unfinished,
            lambda text: show_unsent(console, text),
        ):
            return trio.run(lambda: run(options, console, prompt, interactive=interactive))
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
