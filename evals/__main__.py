"""`python -m evals`: run the scenarios, compare two reports, or write the scenarios' JSON Schema."""

from __future__ import annotations

import argparse
import json
import os
import sys
import traceback
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

import trio

try:
    import yaml  # noqa: F401 - `evals.scenario` needs it
except ModuleNotFoundError as error:
    raise SystemExit(f"The evaluation needs the package {error.name}. Install tessera-server[evals].") from error

from evals.comparison import compare, comparison_table
from evals.evaluation import Options, evaluate
from evals.launch import write_logs
from evals.report import markdown, write_report
from evals.scenario import SCHEMA_FILE, Scenario, ScenarioError, read_scenarios
from evals.schema import schema_text
from evals.summary import DEFAULT_GATES, Prices, Result, parse_gate
from server.local_model import LocalModelFailed
from server.settings import SettingsError
from streaming.model import ModelError

_GATE_CLOSED: Final = 1
_NOT_RUN: Final = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command. Returns 0, 1 if a gate is closed, or 2 if the command could not be run.

    Errors that the operator can fix are printed as a sentence. All others are bugs and keep their traceback.
    """
    options = _parser().parse_args(arguments)
    try:
        status: int = options.command(options)
    except* (ScenarioError, SettingsError, ModelError, LocalModelFailed, OSError, ValueError) as group:
        for error in _leaves(group):
            print(f"evals: {error}", file=sys.stderr)
        status = _NOT_RUN
    except* Exception as group:  # noqa: BLE001 - the boundary of the command
        traceback.print_exception(group)
        status = _NOT_RUN  # Python's own status would say that a gate is closed
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m evals", description=__doc__)
    commands = parser.add_subparsers(required=True)
    run = commands.add_parser("run", help="run the scenarios with the model of TESSERA_MODEL_URL, or the demo model")
    run.add_argument("names", nargs="*", metavar="TEXT", help="run only scenarios whose id or tag contains TEXT")
    run.add_argument("--trials", type=int, default=1, help="trials of each scenario; pass^4 needs at least 4")
    run.add_argument(
        "--side-by-side", type=int, metavar="N", help="trials at the same time; 1 for your own server, else 4"
    )
    run.add_argument("--model", choices=("demo", "perfect"), help="a built-in model, with the scenarios it claims")
    run.add_argument("--record", type=Path, metavar="DIR", help="record every model call into DIR")
    run.add_argument("--replay", type=Path, metavar="DIR", help="answer model calls from the recordings in DIR")
    run.add_argument("--out", type=Path, default=Path(".state/evals"), metavar="DIR", help="folder of the report")
    run.add_argument("--gate", action="append", default=[], metavar="FIGURE>=N", help="another gate, also FIGURE<=N")
    run.add_argument("--no-gates", action="store_true", help="print the table and always return 0")
    run.add_argument("--prices", metavar="IN,OUT,CACHED", help="prices of a million tokens, for the cost per success")
    run.set_defaults(command=_run)
    compared = commands.add_parser("compare", help="compare two reports, paired by scenario")
    compared.add_argument("a", type=Path, metavar="A.json")
    compared.add_argument("b", type=Path, metavar="B.json")
    compared.set_defaults(command=_compare)
    schema = commands.add_parser("schema", help="write the JSON Schema of the scenarios")
    schema.set_defaults(command=_schema)
    return parser


def _run(options: argparse.Namespace) -> int:
    if options.record is not None and options.replay is not None:
        raise ValueError("record and replay exclude each other; give one of them")
    if options.trials < 1:
        raise ValueError(f"trials is {options.trials}; it must be at least 1")
    if options.side_by_side is not None and options.side_by_side < 1:
        raise ValueError(f"side-by-side is {options.side_by_side}; it must be at least 1")
    scenarios = _chosen(read_scenarios(), options.names)
    gates = [] if options.no_gates else [*DEFAULT_GATES, *(parse_gate(text) for text in options.gate)]
    if options.model is not None and not options.no_gates:
        gates.append(parse_gate("pass^1>=1"))
    chosen = Options(
        trials=options.trials,
        built_in=options.model,
        record=options.record,
        replay=options.replay,
        prices=_prices(options.prices),
        gates=gates,
        side_by_side=options.side_by_side,
    )
    write_logs()
    run = trio.run(partial(evaluate, scenarios, chosen, os.environ, _print_result))
    write_report(run, options.out)
    print(f"\n{markdown(run)}\nThe report and the failed transcripts are in {options.out}.")
    return _GATE_CLOSED if run.closed else 0


def _chosen(scenarios: list[Scenario], names: list[str]) -> list[Scenario]:
    found = [
        scenario
        for scenario in scenarios
        if not names or any(name in scenario.id or name in scenario.tags for name in names)
    ]
    if not found:
        raise ValueError(f"no scenario has {' or '.join(names)} in its id or tags")
    return found


def _print_result(result: Result) -> None:
    verdict = result.verdict
    word = "broken" if verdict.broken is not None else "pass" if verdict.passed else "fail"
    seconds = sum(turn.end_s for turn in result.trial.turns)
    print(f"{word:<6} {result.trial.scenario} ({result.trial.number}), {seconds:.1f} s", flush=True)


def _prices(text: str | None) -> Prices | None:
    if text is None:
        return None
    numbers = [float(part) for part in text.split(",")]
    if len(numbers) != 3:
        raise ValueError(f"prices is {text!r}; it must be three numbers: input, output, cached input")
    return Prices(*numbers)


def _compare(options: argparse.Namespace) -> int:
    a, b = (json.loads(path.read_text("utf-8")) for path in (options.a, options.b))
    print(comparison_table(compare(a, b), a["model"], b["model"]))
    return 0


def _schema(_options: argparse.Namespace) -> int:
    SCHEMA_FILE.write_text(schema_text(), "utf-8")
    return 0


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found


if __name__ == "__main__":
    sys.exit(main())
