"""The cost of a token in the server, compared with peers built from public packages: `make bench-stream`.

python -m bench.stream                      everything, about seven minutes; Markdown on standard output
python -m bench.stream --quick              about a minute; the windows are too short for figures to quote
python -m bench.stream --into FILE          also writes the tables between the two `figures` markers of FILE
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

from bench.stream.figures import QUICK, Plan, measure
from bench.stream.report import markdown

_MARKERS: Final = ("<!-- figures -->\n", "<!-- end of figures -->\n")


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(prog="python -m bench.stream", description="Measure the token path.")
    parser.add_argument("--quick", action="store_true", help="measure for about a minute")
    parser.add_argument("--only-ours", action="store_true", help="measure only Tessera")
    parser.add_argument(
        "--into", type=Path, metavar="FILE", help="also write the tables between the `figures` markers of FILE"
    )
    options = parser.parse_args()
    plan = replace(QUICK if options.quick else Plan(), peers=not options.only_ours)
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


if __name__ == "__main__":
    main()
