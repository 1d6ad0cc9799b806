"""Every setting of the server, read from `TESSERA_*` environment variables and validated at start.

`Settings` is the only thing that other packages need.
"""

from __future__ import annotations

from server.settings.fallback_models import DialectName, FallbackModel
from server.settings.settings import (
    PREFIX,
    Settings,
    SettingsError,
    describe_settings,
    load_settings,
)

__all__ = [
    "PREFIX",
    "DialectName",
    "FallbackModel",
    "Settings",
    "SettingsError",
    "describe_settings",
    "load_settings",
]
