"""The steps of the shape `schema`: what a model may do next, as one JSON object `{"tool", "args"}`.

The table of steps makes the signatures in the prompt, the JSON Schema of a reply, and the tool calls.
"""

from agents.steps.reply import Step, StepReply
from agents.steps.table import (
    ANSWER,
    SAY,
    StepChoice,
    call_of,
    entity_of_step,
    step_schema,
    step_signatures,
)
from agents.steps.views import view_block

__all__ = [
    "ANSWER",
    "SAY",
    "Step",
    "StepChoice",
    "StepReply",
    "call_of",
    "entity_of_step",
    "step_schema",
    "step_signatures",
    "view_block",
]
