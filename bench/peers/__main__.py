"""`python -m bench.peers NAME`: serve one peer under uvicorn on uvloop and httptools; prints its port first."""

from __future__ import annotations

import importlib
import socket
import sys

import uvicorn


def main() -> None:
    """See the module."""
    app = importlib.import_module(f"bench.peers.{sys.argv[1]}").app
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", 0))
        listener.listen(4096)
        config = uvicorn.Config(app, loop="uvloop", http="httptools", ws="auto", log_level="warning", access_log=False)
        print(listener.getsockname()[1], flush=True)
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
