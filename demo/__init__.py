"""The demo model: an OpenAI-compatible server that answers by rules, to try Tessera without a key.

It imports only the calendar (`person`); the caller passes in the function that serves it.
"""
