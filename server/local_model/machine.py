"""What this machine has, and the settings of llama.cpp that fit it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from server.local_model.table import LocalModel

_CONTEXT_TOKENS: Final = 8192
"""Tokens of prompt and answer of one request."""
_LEAST_CONTEXT_TOKENS: Final = 4096
_CORES_PER_SLOT: Final = 4
# With more processes than this for each core, llama.cpp gets one thread: its threads wait for each other many times per
# token. On two cores with 14 busy processes, one thread wrote 28 tokens per second and two threads wrote 0.7.
_BUSY_PER_CORE: Final = 1.5
_MAX_SLOTS: Final = 4
# Compute buffers, the library, and the caches of prompts that llama.cpp keeps in memory.
_OTHER_BYTES: Final = 600_000_000
_MEMINFO: Final = Path("/proc/meminfo")
_CGROUP: Final = Path("/sys/fs/cgroup")


class LocalModelFailed(Exception):
    """The model can't run on this machine. The message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Machine:
    """The cores and the free memory, in bytes, that this process may use.

    `busy`: processes that used a core or waited for one, on average over five minutes.
    """

    cores: int
    memory_bytes: int
    busy: float = 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """Settings of llama.cpp: `slots` requests at the same time, each with a context of `context_tokens`."""

    threads: int
    slots: int
    context_tokens: int


def plan(model: LocalModel, machine: Machine) -> Plan:
    """The settings of `model` for `machine`. Raises `LocalModelFailed` if the memory is too small.

    On more than two cores, one is left for the server. A slot for each four cores, because slots share the cores. With
    little memory, the slots are reduced first, then half of the context. One thread if others keep the cores busy.
    """
    threads = machine.cores if machine.cores <= 2 else machine.cores - 1
    if machine.busy > _BUSY_PER_CORE * machine.cores:
        threads = 1
    most = min(_MAX_SLOTS, max(1, machine.cores // _CORES_PER_SLOT))
    for context in (_CONTEXT_TOKENS, _LEAST_CONTEXT_TOKENS):
        for slots in range(most, 0, -1):
            tokens = min(context, model.context_tokens)
            if needed_bytes(model, slots, tokens) <= machine.memory_bytes:
                return Plan(threads, slots, tokens)
    needed = needed_bytes(model, 1, min(_LEAST_CONTEXT_TOKENS, model.context_tokens))
    raise LocalModelFailed(
        f"the model {model.name} needs {needed / 1e9:.1f} GB of free memory;"
        f" {machine.memory_bytes / 1e9:.1f} GB are free"
    )


def needed_bytes(model: LocalModel, slots: int, context_tokens: int) -> int:
    """The memory that llama.cpp needs: weights, context and its own buffers."""
    return model.bytes_about + slots * context_tokens * model.kv_bytes_per_token + _OTHER_BYTES


def this_machine() -> Machine:
    """The machine, or the part of it that a container may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota, _, period = _read(_CGROUP / "cpu.max").partition(" ")
    if quota.isdecimal() and period.isdecimal():
        cores = min(cores, max(1, int(quota) // int(period)))
    memory = _free_bytes()
    limit, used = _read(_CGROUP / "memory.max"), _read(_CGROUP / "memory.current")
    if limit.isdecimal() and used.isdecimal():
        memory = min(memory, int(limit) - int(used))
    return Machine(max(1, cores), max(0, memory), os.getloadavg()[1])


def _free_bytes() -> int:
    for line in _read(_MEMINFO).splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    # Not Linux: half of the memory is a careful guess of the free memory.
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii").strip()
    except OSError:
        return ""
