"""Structured logs: readable text on a terminal, otherwise JSON lines. Request and session ids come from contextvars.

Modules log with `structlog.get_logger(__name__)`; logs of libraries that use `logging` have the same form.
"""

from __future__ import annotations

import logging
import sys
from functools import partial
from typing import Literal, TextIO

import structlog
from structlog.typing import Processor


def configure_logging(level: str, log_format: Literal["auto", "console", "json"]) -> None:
    """Write all logs of `level` and above to standard error. Called once, by the command line."""
    console = log_format == "console" or (log_format == "auto" and sys.stderr.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if console:
        # By default both renderers print local variables in tracebacks, which include messages and keys.
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
        render: list[Processor] = [renderer]
    else:
        tracebacks = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        render = [structlog.processors.ExceptionRenderer(tracebacks), structlog.processors.JSONRenderer()]
    handler = logging.StreamHandler(sys.stderr)
    structlog.configure(
        processors=[*shared, *render],
        logger_factory=partial(_LineLogger, handler),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # At INFO and DEBUG these libraries log every request, which the server logs itself; httpx also logs whole URLs.
    for noisy in ("httpx", "httpcore", "hypercorn.access", "trio-websocket", "wsproto"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


class _LineLogger:
    """Writes the rendered lines of one module, between those that `logging` writes with the same handler.

    A record of `logging` for each line would cost as much as rendering it.
    """

    def __init__(self, handler: logging.StreamHandler[TextIO], name: str = "") -> None:
        self.name = name
        self._handler = handler

    def msg(self, line: str) -> None:
        """Write one line. A full disk or a closed pipe stops neither the task that logs nor the server."""
        handler = self._handler
        handler.acquire()
        try:
            handler.stream.write(line + "\n")
            handler.stream.flush()
        except (OSError, ValueError):
            pass
        finally:
            handler.release()

    debug = info = warning = error = critical = exception = msg
