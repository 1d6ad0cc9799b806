"""llama.cpp's server as a separate process: `python -m tests.local_model.llama_server MODEL_FILE`.

Prints its base URL as one line on standard output and serves until its standard input is closed, so it cannot outlive
the process that started it. It is a process because `xllamacpp.Server()` holds the interpreter's lock while it loads.
"""

from __future__ import annotations

import os
import sys

from xllamacpp import CommonParams, Server

SLOTS = 2
"""Number of concurrent answers; further requests wait in the server's queue."""
CONTEXT_TOKENS = 8192
"""Tokens of prompt and answer of one request: the context that the model was trained for."""


def parameters(model_file: str) -> CommonParams:
    """Parameters: small, on the CPU, on a free loopback port, with the same sampling in every run."""
    params = CommonParams()
    params.model.path = model_file
    params.model_alias = {"smollm2"}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_parallel = SLOTS
    params.n_ctx = CONTEXT_TOKENS * SLOTS  # llama.cpp divides it among the slots
    params.n_gpu_layers = 0
    params.cpuparams.n_threads = 1
    params.cpuparams.poll = 0
    params.use_jinja = True  # without it, a request with tools is refused
    params.endpoint_slots = True
    params.warmup = False
    params.sampling.seed = 7
    params.sampling.temp = 0.0
    params.verbosity = 0
    return params


def main(model_file: str) -> None:
    """Serve `model_file` until standard input is closed."""
    url = os.dup(1)
    os.dup2(2, 1)  # keeps the library's output off standard output, which carries the URL
    server = Server(parameters(model_file))
    os.write(url, f"{server.listening_address}/v1\n".encode())
    sys.stdin.buffer.read()
    # Exits without the library's shutdown, which waits for running answers.
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
