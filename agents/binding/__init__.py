"""Value-bound blocks: charts, tables and timelines computed from what the tools of one request returned."""

from agents.binding.binder import Binder

__all__ = ["Binder"]
