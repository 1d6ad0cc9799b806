"""Every setting of the server, and reading them from `TESSERA_*` environment variables at the start.

Other code gets a `Settings`; only `server.commands` reads the environment.
"""

from __future__ import annotations

from server.settings.environment import PREFIX, SettingsError, describe_settings, load_settings
from server.settings.fallback_models import DialectName, FallbackModel
from server.settings.settings import Settings

__all__ = [
    "PREFIX",
    "DialectName",
    "FallbackModel",
    "Settings",
    "SettingsError",
    "describe_settings",
    "load_settings",
]
