"""The processor time of the server while it streams, by function: a flame graph from py-spy, or a table.

python -m bench.stream.profile --py-spy .venv-peers/bin/py-spy --into docs/token-path.svg
python -m bench.stream.profile --py-spy .venv-peers/bin/py-spy --table        the most expensive functions, on stdout
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from collections import Counter
from pathlib import Path
from typing import Final

from bench.stream.flame_graph import flame_graph
from bench.stream.measures import SHAPES, open_streams
from bench.stream.processes import pin
from bench.stream.targets import Places, model_server, tessera

_RATE_HZ: Final = 400
_TOP: Final = 45
_WAITING: Final = "WorkerThread._work "


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(prog="python -m bench.stream.profile", description="Profile the token path.")
    parser.add_argument("--py-spy", required=True, help="the program")
    parser.add_argument("--seconds", type=int, default=15)
    parser.add_argument("--full-speed", action="store_true", help="instead of a model's pace")
    parser.add_argument("--into", type=Path, metavar="FILE.svg", help="where the flame graph goes")
    parser.add_argument("--table", action="store_true", help="print the functions that cost most")
    options = parser.parse_args()
    stacks = record(options.py_spy, options.seconds, full_speed=options.full_speed)
    shape = SHAPES[-1]
    if options.into is not None:
        pace = "at full speed" if options.full_speed else f"at {shape.rate:g} tokens/s each"
        options.into.write_text(flame_graph(stacks, f"Tessera, {shape} streams {pace}"))
    if options.table:
        print(table(stacks))


def record(py_spy: str, seconds: int, *, full_speed: bool) -> Counter[tuple[str, ...]]:
    """Samples by stack, outermost function first, of the server in the middle of its largest shape of streams."""
    places = Places.of_machine()
    shape = SHAPES[-1]
    with tempfile.TemporaryDirectory(prefix="bench-stream-") as name:
        folder = Path(name)
        raw = folder / "stacks"
        pin([int(Path("/proc/self").readlink().name)], places.others)
        with (
            model_server(places, folder) as port,
            tessera(port, places) as target,
            open_streams(target, shape, 0 if full_speed else shape.rate) as load,
        ):
            load.run(1)
            options = ["--format", "raw", "--function", "--rate", str(_RATE_HZ), "--duration", str(seconds)]
            command = [py_spy, "record", *options, "--output", str(raw), "--pid", str(target.process.pid)]
            with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as recording:  # noqa: S603 - the path is an option
                load.run(seconds + 1)
                recording.wait(30)
        return read_stacks(raw.read_text())


def read_stacks(raw: str) -> Counter[tuple[str, ...]]:
    """Read py-spy's raw format: functions from the outermost, separated by semicolons, then a space and a count."""
    stacks: Counter[tuple[str, ...]] = Counter()
    for line in raw.splitlines():
        functions, _, count = line.rpartition(" ")
        stack = tuple(functions.split(";"))
        # py-spy reports threads that wait for work as busy.
        if not stack[-1].startswith(_WAITING):
            stacks[stack] += int(count)
    return stacks


def table(stacks: Counter[tuple[str, ...]]) -> str:
    """Functions by the share of samples in which they ran, and in which they were on the stack."""
    own: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    for stack, count in stacks.items():
        own[stack[-1]] += count
        for function in set(stack):
            whole[function] += count
    samples = stacks.total()
    lines = ["| function | self % | with callees % |", "|---|--:|--:|"]
    lines += [
        f"| `{name}` | {count / samples:.1%} | {whole[name] / samples:.1%} |" for name, count in own.most_common(_TOP)
    ]
    lines += ["", "| function | with callees % |", "|---|--:|"]
    lines += [f"| `{name}` | {count / samples:.1%} |" for name, count in whole.most_common(_TOP)]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
