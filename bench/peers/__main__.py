"""`python -m bench.peers NAME`: serve a peer under uvicorn with uvloop and httptools; prints its port."""

from __future__ import annotations

import importlib
import socket
import sys

import uvicorn


class Server(uvicorn.Server):
    """Prints its port once it listens."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and sockets:
            print(sockets[0].getsockname()[1], flush=True)


def main() -> None:
    """See the module."""
    app = importlib.import_module(f"bench.peers.{sys.argv[1]}").app
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", 0))
        listener.listen(4096)
        config = uvicorn.Config(app, loop="uvloop", http="httptools", ws="auto", log_level="warning", access_log=False)
        Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
