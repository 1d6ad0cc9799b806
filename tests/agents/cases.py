"""The folder of small answers of models, with the right value of each in its README."""

from __future__ import annotations

from pathlib import Path

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases" / "answers"
