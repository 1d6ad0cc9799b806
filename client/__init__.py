"""Clients of the Tessera server."""
