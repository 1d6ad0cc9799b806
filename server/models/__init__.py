"""The models that the server calls: opening them, limiting concurrent calls, and the daily token budget.

If the settings name no model, the demo model is started here.
"""

from __future__ import annotations

from server.models.setup import OpenModels, open_models
from server.models.spending import TokenSpending, TokenSpendTable

__all__ = [
    "OpenModels",
    "TokenSpendTable",
    "TokenSpending",
    "open_models",
]
