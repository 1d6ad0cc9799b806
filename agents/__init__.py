"""The agents: routing, the tool loop, the tools that run on the device, prompts, and value-bound blocks.

Nothing here knows sockets or the database: callers pass in a model, a device and a turn.
"""
