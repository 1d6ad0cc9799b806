"""Limits that all workers of one host share: rates of users and network addresses, and places of work that takes long.

Worker processes ask an arbiter in the supervisor; a single process counts for itself.
"""

from __future__ import annotations

from server.shared_limits.arbiter import Arbiter
from server.shared_limits.places import OwnPlaces, Place, Places
from server.shared_limits.rate import Limit, Limits, OwnLimit, Rate
from server.shared_limits.worker import SharedLimits

__all__ = [
    "Arbiter",
    "Limit",
    "Limits",
    "OwnLimit",
    "OwnPlaces",
    "Place",
    "Places",
    "Rate",
    "SharedLimits",
]
