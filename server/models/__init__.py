"""The models that the server calls: opening and probing them, limiting concurrent calls, the daily token budget.

If the settings name no model, the demo model is started here.
"""

from __future__ import annotations

from server.models.setup import OpenModels, open_models, probe_model, with_local_model
from server.models.spending import TokenSpending, TokenSpendTable

__all__ = [
    "OpenModels",
    "TokenSpendTable",
    "TokenSpending",
    "open_models",
    "probe_model",
    "with_local_model",
]
