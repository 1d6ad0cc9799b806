"""The transition table as a Mermaid state diagram."""

from __future__ import annotations

from collections import defaultdict

from parser.states import TRANSITIONS, Signal, State

_NAMES = {Signal.COLON: "colon"}  # a colon would end the label before it
_ANY = 8  # as many characters and more are "anything else"


def diagram() -> str:
    """Mermaid source: one arrow from a state to another for all signals that lead there; staying is left out."""
    lines = ["stateDiagram-v2", "    [*] --> start"]
    lines += [f'    state "{state.value}" as {_id(state)}' for state in State if " " in state.value]
    for state, following in TRANSITIONS.items():
        signals: dict[State, list[Signal]] = defaultdict(list)
        for signal, target in following.items():
            if target is not state:
                signals[target].append(signal)
        for target, leading in signals.items():
            lines.append(f"    {_id(state)} --> {_id(target)}: {_label(leading)}")
    lines.append("    closed --> [*]")
    return "\n".join(lines) + "\n"


def _id(state: State) -> str:
    return state.value.replace(" ", "_")


def _label(signals: list[Signal]) -> str:
    if len(signals) >= _ANY:
        return "anything else"
    return ", ".join(_NAMES.get(signal, signal.value) for signal in signals)
