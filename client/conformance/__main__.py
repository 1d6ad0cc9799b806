"""`python -m client.conformance` plays the cases to a client and prints a verdict for each."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import trio

from client.conformance.cases import CASES_FOLDER, Case, load_cases, schema
from client.conformance.cuts import RECORDINGS, cut_cases
from client.conformance.endpoint import Endpoint, Verdict


def main(arguments: list[str]) -> int:
    """Run the command. Returns the exit code: 0 if no case has failed."""
    parser = argparse.ArgumentParser(prog="python -m client.conformance", description=__doc__)
    parser.add_argument("case", nargs="*", help="names of cases; default: all")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; default: a free one")
    parser.add_argument("--patience", type=float, default=15, help="seconds to wait for the client; default: 15")
    parser.add_argument("--cases", type=Path, default=CASES_FOLDER, help="folder of the case files")
    parser.add_argument("--serve", action="store_true", help="go on after an adapter has played every case")
    parser.add_argument("--list", action="store_true", help="list the cases and exit")
    parser.add_argument("--generate", action="store_true", help="write the generated files of the kit and exit")
    options = parser.parse_args(arguments)
    if options.generate:
        _generate(options.cases)
        return 0
    try:
        cases = load_cases(options.cases, options.case)
    except LookupError as error:
        parser.error(str(error.args[0]))
    if options.list:
        for case in cases:
            sys.stdout.write(f"{case.name:<36}  {case.title}\n")
        return 0
    return trio.run(_run, cases, options.port, options.patience, options.serve)


def _generate(folder: Path) -> None:
    (folder.parent / "cases.schema.json").write_text(schema(), encoding="utf-8")
    (folder / "cuts.json").write_text(cut_cases(RECORDINGS), encoding="utf-8")


async def _run(cases: list[Case], port: int, patience_s: float, serve: bool) -> int:
    verdicts: list[Verdict] = []

    def report(verdict: Verdict) -> None:
        verdicts.append(verdict)
        sys.stdout.write(f"{verdict.outcome:<8} {verdict.case}\n")
        if verdict.problem:
            sys.stdout.write(f"         {verdict.problem}\n")
        sys.stdout.flush()

    async with trio.open_nursery() as nursery:

        def finished() -> None:
            if not serve:
                nursery.cancel_scope.cancel()

        endpoint = Endpoint(cases, patience_s=patience_s, report=report, finished=finished)
        url = await nursery.start(endpoint.serve, port)
        sys.stdout.write(f"control {url}\n")
        sys.stdout.flush()
    outcomes = [verdict.outcome for verdict in verdicts]
    counts = ", ".join(f"{outcomes.count(outcome)} {outcome}" for outcome in ("passed", "failed", "skipped"))
    sys.stdout.write(f"{counts}\n")
    return 1 if "failed" in outcomes else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
