"""Checks of one trial: the end state of the items, the claims in the text, what is shown, and the outcomes.

Each check is pure and returns its faults as sentences; no faults is a pass.
"""

from evals.checks.claims import false_claims
from evals.checks.inventions import invented_values
from evals.checks.shown import shown_faults
from evals.checks.state import goal_reached, missing_changes, unwanted_changes
from evals.checks.verdict import Verdict, judge

__all__ = [
    "Verdict",
    "false_claims",
    "goal_reached",
    "invented_values",
    "judge",
    "missing_changes",
    "shown_faults",
    "unwanted_changes",
]
