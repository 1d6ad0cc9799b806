"""The models that the server calls: opening and probing them, limiting concurrent calls, the daily token budget.

If the settings name no model, the demo model is started here.
"""

from __future__ import annotations

from server.models.caller import Caller
from server.models.setup import OpenModels, open_models, probe_model, with_local_model
from server.models.spend_table import TokenSpendTable
from server.models.spending import TokenSpending

__all__ = [
    "Caller",
    "OpenModels",
    "TokenSpendTable",
    "TokenSpending",
    "open_models",
    "probe_model",
    "with_local_model",
]
