"""What it costs when devices lose their sockets and come back: `make bench-resume`.

python -m bench.resume                      5,000 devices, about four minutes; Markdown on standard output
python -m bench.resume --quick              500 devices, about a minute
python -m bench.resume --storms --per-user 10    only storms of devices with an answer, ten of each person
python -m bench.resume --into FILE          also writes the tables between the two `resume figures` markers of FILE
"""

from __future__ import annotations

import argparse
import resource
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

from bench.resume.figures import QUICK, Plan, measure
from bench.resume.report import markdown

_MARKERS: Final = ("<!-- resume figures -->\n", "<!-- end of resume figures -->\n")
# The server has a socket to each device and one to the model for each answer.
_FILES_PER_DEVICE: Final = 2
_OTHER_FILES: Final = 500


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(prog="python -m bench.resume", description="Measure lost sockets and resumes.")
    parser.add_argument("--quick", action="store_true", help="measure 500 devices for about a minute")
    parser.add_argument("--devices", type=int, help="number of devices")
    parser.add_argument("--per-user", type=int, default=1, metavar="N", help="devices of one person; default: 1")
    parser.add_argument("--storms", action="store_true", help="measure only storms of devices with an answer")
    parser.add_argument("--into", type=Path, metavar="FILE", help="also write the tables between the markers of FILE")
    options = parser.parse_args()
    plan = QUICK if options.quick else Plan()
    devices = min(options.devices or plan.devices, _most_devices())
    plan = replace(plan, devices=devices, per_user=options.per_user, storms_only=options.storms)
    # SIGTERM must also end the processes that were started.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {text}", file=sys.stderr, flush=True)

    report = markdown(measure(plan, say))
    print(report)
    if options.into is not None:
        before, _, rest = options.into.read_text().partition(_MARKERS[0])
        _, _, after = rest.partition(_MARKERS[1])
        options.into.write_text(f"{before}{_MARKERS[0]}\n{report}{_MARKERS[1]}{after}")


def _most_devices() -> int:
    """As many as the limit of open files of one process allows, which is raised if that is possible."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return (hard - _OTHER_FILES) // _FILES_PER_DEVICE


if __name__ == "__main__":
    main()
