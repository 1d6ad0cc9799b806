"""The metrics and the live tree for operators, of this process or of all workers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pydantic import BaseModel, TypeAdapter

from server.peers.exposition import merged
from server.peers.peers import Peers
from server.startup import WorkerOrders
from server.telemetry import LiveServer, Metrics

METRICS: Final = "metrics"
TASKS: Final = "tasks"
TRIO_TASKS: Final = "tasks trio"


class LiveServers(BaseModel):
    """All processes of this server. `silent` has the numbers of workers that did not answer within a second."""

    servers: list[LiveServer]
    silent: list[int]


class Overview:
    """Metrics and live tree. `look` returns this process's tree, with Trio's tasks if its argument is true."""

    def __init__(self, metrics: Metrics, look: Callable[[bool], LiveServer], orders: WorkerOrders | None) -> None:
        self._metrics = metrics
        self._look = look
        answers = {
            METRICS: metrics.render,
            TASKS: lambda: look(False).model_dump_json().encode(),
            TRIO_TASKS: lambda: look(True).model_dump_json().encode(),
        }
        self.peers = Peers(orders.folder, orders.number, orders.count, answers) if orders is not None else None

    async def metrics(self) -> bytes:
        """Prometheus's text format; with several workers, of all of them, with the label `worker`."""
        return self._metrics.render() if self.peers is None else merged(await self.peers.ask(METRICS))

    async def tasks(self, *, with_trio: bool) -> LiveServers:
        """The live tree of every process."""
        if self.peers is None:
            return LiveServers(servers=[self._look(with_trio)], silent=[])
        answers = await self.peers.ask(TRIO_TASKS if with_trio else TASKS)
        read = TypeAdapter(LiveServer).validate_json
        return LiveServers(
            servers=[read(answer) for answer in answers.values() if answer is not None],
            silent=[number for number, answer in answers.items() if answer is None],
        )
