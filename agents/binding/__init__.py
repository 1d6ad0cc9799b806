"""Value-bound blocks: charts, tables and timelines whose data the server computes from a request's tool results.

Other packages use `Binder`; the arithmetic is pure and knows no model and no device.
"""

from agents.binding.binder import Binder

__all__ = ["Binder"]
