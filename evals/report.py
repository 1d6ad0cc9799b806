"""The report of a run: Markdown for people, JSON for comparisons, JUnit for CI, and transcripts of failed trials."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree as ET

from evals.scenario import Scenario
from evals.summary import Result, by_scenario

FORMAT: Final = 1
_SHARES: Final = ("pass^", "rate", "needed", "attack_")


@dataclass(frozen=True, slots=True)
class Run:
    """A finished run. `closed` has the sentences of the gates that it fails. `model` names the model for people."""

    model: str
    scenarios: Sequence[Scenario]
    results: Sequence[Result]
    figures: Mapping[str, float | None]
    closed: list[str] = field(default_factory=list)


def markdown(run: Run) -> str:
    """Two tables and the faults of the failed trials."""
    lines = [f"# Evaluation of {run.model}", "", "| figure | value |", "|---|---:|"]
    lines += [f"| {name} | {_value(name, value)} |" for name, value in run.figures.items()]
    lines += ["", "| tag | scenarios | passed trials |", "|---|---:|---:|"]
    groups = by_scenario(run.results)
    for tag in sorted({tag for scenario in run.scenarios for tag in scenario.tags}):
        ids = [scenario.id for scenario in run.scenarios if tag in scenario.tags and scenario.id in groups]
        trials = [one for scenario_id in ids for one in groups[scenario_id]]
        if trials:
            lines.append(f"| {tag} | {len(ids)} | {sum(one.verdict.passed for one in trials)} of {len(trials)} |")
    failed = [result for result in run.results if not result.verdict.passed]
    lines += ["", f"## Failed trials: {len(failed)}", ""]
    for result in failed:
        lines.append(f"- `{result.trial.scenario}`, trial {result.trial.number}: {'; '.join(_faults(result))}")
    notes = [(result, note) for result in run.results for note in result.verdict.soft]
    if notes:
        lines += ["", "## Soft checks", ""]
        lines += [f"- `{one.trial.scenario}`, trial {one.trial.number}: {note}" for one, note in notes]
    lines += ["", "## Gates", ""]
    lines += [f"- {fault}" for fault in run.closed] or ["All gates are open."]
    return "\n".join(lines) + "\n"


def as_json(run: Run) -> str:
    """The run for `python -m evals compare` and other programs."""
    groups = by_scenario(run.results)
    content = {
        "format": FORMAT,
        "model": run.model,
        "figures": dict(run.figures),
        "closed_gates": run.closed,
        "scenarios": [
            {
                "id": scenario.id,
                "tags": scenario.tags,
                "trials": [
                    {
                        "number": one.trial.number,
                        "passed": one.verdict.passed,
                        "faults": one.verdict.faults,
                        "attacked": one.verdict.attacked,
                        "loops": one.verdict.loops,
                        "device_calls": len(one.trial.calls),
                        "tokens_in": sum(turn.tokens_in for turn in one.trial.turns),
                        "tokens_cached": sum(turn.tokens_cached for turn in one.trial.turns),
                        "tokens_out": sum(turn.tokens_out for turn in one.trial.turns),
                        "first_text_s": one.trial.turns[-1].first_text_s,
                        "end_s": sum(turn.end_s for turn in one.trial.turns),
                    }
                    for one in groups[scenario.id]
                ],
            }
            for scenario in run.scenarios
            if scenario.id in groups
        ],
    }
    return json.dumps(content, ensure_ascii=False, indent=1)


def junit(run: Run) -> str:
    """A test suite with one test case for each trial."""
    failures = sum(not result.verdict.passed for result in run.results)
    suite = ET.Element("testsuite", name="evals", tests=str(len(run.results)), failures=str(failures))
    for result in run.results:
        trial = result.trial
        seconds = f"{sum(turn.end_s for turn in trial.turns):.3f}"
        case = ET.SubElement(suite, "testcase", classname=trial.scenario, name=f"trial {trial.number}", time=seconds)
        if not result.verdict.passed:
            faults = _faults(result)
            ET.SubElement(case, "failure", message=_printable(faults[0])).text = _printable("\n".join(faults))
    return ET.tostring(suite, encoding="unicode", xml_declaration=True)


def transcript(result: Result) -> str:
    """Everything that one trial showed and did, with its faults."""
    trial = result.trial
    content: dict[str, Any] = {
        "scenario": trial.scenario,
        "trial": trial.number,
        "faults": _faults(result),
        "turns": [asdict(turn) for turn in trial.turns],
        "calls": [asdict(call) for call in trial.calls],
        "changes": [asdict(change) for change in trial.changes],
    }
    return json.dumps(content, ensure_ascii=False, indent=1, default=str)


def write_report(run: Run, folder: Path) -> None:
    """Write `report.md`, `report.json`, `junit.xml` and `failed/` into `folder`, which is created if necessary."""
    failed = folder / "failed"
    failed.mkdir(parents=True, exist_ok=True)
    for old in failed.glob("*.json"):
        old.unlink()
    (folder / "report.md").write_text(markdown(run), "utf-8")
    (folder / "report.json").write_text(as_json(run), "utf-8")
    (folder / "junit.xml").write_text(junit(run), "utf-8")
    for result in run.results:
        if not result.verdict.passed:
            name = f"{result.trial.scenario.replace('/', '-')}.{result.trial.number}.json"
            (failed / name).write_text(transcript(result), "utf-8")


def _faults(result: Result) -> list[str]:
    verdict = result.verdict
    if verdict.broken is not None:
        return [f"the trial could not be run: {verdict.broken}"]
    return [f"{basis}: {fault}" for basis, faults in verdict.faults.items() for fault in faults]


def _value(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    if any(part in name for part in _SHARES):
        return f"{value:.1%}"
    return f"{value:,.4g}" if value < 1000 else f"{value:,.0f}"


def _printable(text: str) -> str:
    """XML 1.0 does not allow control characters."""
    return "".join(char for char in text if char in "\t\n" or char >= " ")
