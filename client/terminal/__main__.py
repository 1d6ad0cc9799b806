"""`python -m client.terminal [message]`: talk to a Tessera server as a device."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from pathlib import Path

import trio

try:
    from rich.console import Console
except ModuleNotFoundError as error:
    raise SystemExit("tessera: the terminal client needs rich: install tessera-server[terminal]") from error

from client.terminal.app import EXIT_INTERRUPTED, Options, run
from client.terminal.prompt import Prompt, prompt_for_stdin

PASSWORD_VARIABLE = "TESSERA_CLIENT_PASSWORD"  # noqa: S105 - the name of the variable, not its value


def parse_arguments(arguments: list[str]) -> Options:
    """Read the command line. The password comes from the environment or the keyboard, never from an argument."""
    parser = argparse.ArgumentParser(prog="python -m client.terminal", description=__doc__)
    parser.add_argument("message", nargs="*", help="ask this and leave; without it, a conversation")
    parser.add_argument("--url", default="ws://127.0.0.1:8765/api/v1/ws/device", help="the server's WebSocket")
    parser.add_argument("--rest", default="http://127.0.0.1:8000", help="the server's REST address")
    parser.add_argument("--state", type=Path, default=Path(".state"), help="where this device keeps its data")
    parser.add_argument(
        "--email",
        help=f"an account of yours (password: {PASSWORD_VARIABLE}, or asked for); by default this device makes its own",
    )
    parser.add_argument("--yes", action="store_true", help="allow every action that needs approval")
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
    """Run the client; its exit code."""
    try:
        options = parse_arguments(sys.argv[1:])
        interactive = sys.stdin.isatty()
        # With a message on the command line, standard input that is no terminal belongs to somebody else.
        prompt: Prompt | None = prompt_for_stdin() if interactive or options.message is None else None
        if interactive:
            import readline  # noqa: F401, PLC0415 - imported for what it does to input(): editing and history
        return trio.run(lambda: run(options, Console(highlight=False), prompt, interactive=interactive))
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
