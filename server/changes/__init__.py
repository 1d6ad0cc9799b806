"""Changes of a user's entities on their way to the user's devices: recorded first, then announced in their order.

A device that was away gets the changes that it missed from the log.
"""

from __future__ import annotations

from server.changes.delivery import ChangeDelivery, Joining, Missed
from server.changes.record import record_change

__all__ = ["ChangeDelivery", "Joining", "Missed", "record_change"]
