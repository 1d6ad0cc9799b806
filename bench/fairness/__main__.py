"""Compare pings and logins of a quiet user with and without each attack: `make bench-fairness`."""

from __future__ import annotations

import argparse
import sys
from functools import partial

import trio

from bench.fairness.attacks import ATTACKS, attack_when_told
from bench.fairness.comparison import LIMIT, Pair, Plan, compare, table, unfair
from bench.fairness.server import Server, running_server


def main() -> int:
    """Print the table. Returns 1 if an attack makes the quiet user wait too long."""
    plan = Plan()
    options = argparse.ArgumentParser(prog="python -m bench.fairness", description=__doc__)
    options.add_argument("--pairs", type=int, default=plan.pairs, help="rounds without and with each attack")
    options.add_argument("--seconds", type=float, default=plan.seconds, help="seconds per round")
    options.add_argument("--logins", type=int, default=plan.logins, help="logins per round")
    options.add_argument("--workers", type=int, default=1, help="worker processes of the server")
    options.add_argument("--attack", nargs=2, metavar=("REST", "WS"), help="attack a server when told to")
    options.add_argument("attacks", nargs="*", choices=[[], *ATTACKS], help="all, unless some are named")
    asked = options.parse_args()
    if asked.attack:
        trio.run(attack_when_told, Server(*asked.attack))
        return 0
    plan = Plan(asked.pairs, asked.seconds, asked.logins)
    with running_server({"TESSERA_WORKERS": str(asked.workers)}) as server:
        found: dict[str, list[Pair]] = trio.run(partial(compare, server, asked.attacks or list(ATTACKS), plan))
    print(table(found))
    if late := unfair(found):
        print(f"over {LIMIT:g} times: {', '.join(late)}")
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(main())
