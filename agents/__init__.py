"""The router, the orchestrator, the tool loop, and the four agents with the tools that run on the device."""
