"""Value-bound blocks: charts, tables and timelines whose data the server computes from a request's tool results.

Other packages use `Binder`, which is pure, and `BlockItems`, which lists on the device what no tool has returned.
"""

from agents.binding.binder import Binder
from agents.binding.block_items import BlockItems

__all__ = ["Binder", "BlockItems"]
