"""Devices that are connected to other servers of the same database: finding them, and passing frames on to them."""
