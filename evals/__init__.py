"""Scenarios that measure how well a model works with Tessera.

They use the whole server, over its socket, with a simulated device.

`evals.scenario` says what a scenario is. `evals.launch` is the only module that starts the server.
"""
