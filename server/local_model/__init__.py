"""A real model on this machine: the table of models, their download, and llama.cpp in a supervised child process.

The settings of the child process follow from the machine's cores and memory.
"""

from __future__ import annotations

from server.local_model.fetch import fetch_local_model, local_model_file
from server.local_model.machine import LocalModelFailed, Machine, Plan, plan, this_machine
from server.local_model.supervisor import ServedModel, serve_local_model
from server.local_model.table import DEFAULT_MODEL, LOCAL_MODELS, LocalModel

__all__ = [
    "DEFAULT_MODEL",
    "LOCAL_MODELS",
    "LocalModel",
    "LocalModelFailed",
    "Machine",
    "Plan",
    "ServedModel",
    "fetch_local_model",
    "local_model_file",
    "plan",
    "serve_local_model",
    "this_machine",
]
