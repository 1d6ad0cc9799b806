"""llama.cpp's server as a separate process: `python -m server.local_model.llama_server`.

Reads its orders as one line of JSON from standard input, prints its base URL as one line on standard output, and serves
until its standard input is closed, so it cannot outlive the process that started it. It is a process because
`xllamacpp.Server()` holds the interpreter's lock while it loads, and because a fault in native code must not end
the server.
"""

from __future__ import annotations

import os
import sys
from typing import Any, Final

from xllamacpp import CommonParams, Server

from server.local_model.orders import ServerOrders

_PING_S: Final = 10


def parameters(orders: ServerOrders) -> Any:
    """llama.cpp's parameters: on loopback, without its web page and without network access."""
    params = CommonParams()
    params.model.path = orders.file
    params.model_alias = {orders.name}
    params.hostnames = ["127.0.0.1"]
    params.port = orders.port
    if orders.key:
        params.api_keys = [orders.key]
    params.n_parallel = orders.slots
    params.n_ctx = orders.context_tokens * orders.slots  # llama.cpp divides it among the slots
    params.n_gpu_layers = 0
    params.cpuparams.n_threads = orders.threads
    params.cpuparams_batch.n_threads = orders.threads
    # Waiting threads sleep instead of using a core.
    params.cpuparams.poll = 0
    params.use_jinja = True  # without it, a request with tools is refused
    params.sse_ping_interval = _PING_S
    params.offline = True
    params.ui = False
    params.warmup = False
    params.verbosity = 0
    if orders.seed is not None:
        params.sampling.seed = orders.seed
    if orders.temperature is not None:
        params.sampling.temp = orders.temperature
    return params


def main() -> None:
    """Serve until standard input is closed."""
    orders = ServerOrders.model_validate_json(sys.stdin.buffer.readline())
    url = os.dup(1)
    os.dup2(2, 1)  # keeps the library's output off standard output, which carries the URL
    server = Server(parameters(orders))
    os.write(url, f"{server.listening_address}/v1\n".encode())
    sys.stdin.buffer.read()
    # Exits without the library's shutdown, which waits for running answers.
    os._exit(0)


if __name__ == "__main__":
    main()
