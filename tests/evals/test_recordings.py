"""The shipped recordings of the built-in models: every scenario that a model claims passes, without a model."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from cryptography.fernet import Fernet

from evals.evaluation import Options, evaluate
from evals.report import markdown
from evals.scenario import read_scenarios
from tests.database import login_settings

RECORDINGS = Path(__file__).resolve().parents[2] / "evals" / "recordings"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recording", "model"), [("demo", "demo"), ("perfect", "perfect"), ("perfect-schema", "perfect")]
)
async def test_every_claimed_scenario_passes(
    database: str, tmp_path: Path, recording: str, model: Literal["demo", "perfect"]
) -> None:
    environ = {
        **login_settings(database),
        "TESSERA_STATE_DIR": str(tmp_path),
        "TESSERA_MASTER_KEYS": Fernet.generate_key().decode(),
        "TESSERA_TOOL_TIMEOUT_S": "1.5",
        "TESSERA_APPROVAL_TIMEOUT_S": "1.5",
    }
    scenarios = read_scenarios()
    options = Options(built_in=model, replay=RECORDINGS / recording)
    run = await evaluate(scenarios, options, environ)
    shape = "schema" if recording.endswith("schema") else "hosted"
    claimed = [one for one in scenarios if model in one.claimed_by and (model == "demo" or shape in one.perfect_shapes)]
    assert [result.trial.scenario for result in run.results] == [one.id for one in run.scenarios]
    assert {result.trial.scenario for result in run.results} == {one.id for one in claimed}
    assert all(result.verdict.passed for result in run.results), markdown(run)
    assert run.closed == []


def test_the_scenarios_are_at_least_sixty_of_every_kind() -> None:
    scenarios = read_scenarios()
    tags = [tag for scenario in scenarios for tag in scenario.tags]
    assert len(scenarios) >= 60
    kinds = (
        "list filter sort dates zone create bulk delete approval ambiguous history conversation search append progress"
        " chart table timeline entity_ref empty large offline fault deadline preference privacy attack german french"
        " japanese arabic out-of-scope small-talk budget cancel"
    )
    assert not [kind for kind in kinds.split() if kind not in tags]
    assert tags.count("attack") >= 6
    assert len({scenario.person.zone for scenario in scenarios if "zone" in scenario.tags}) >= 3


def test_at_most_two_scenarios_are_not_for_the_shape_schema() -> None:
    """A strict schema has no filters, and it forbids the fault that one scenario has the model correct."""
    left_out = {one.id for one in read_scenarios() if "schema" not in one.perfect_shapes}
    assert left_out == {"blocks/repaired", "tasks/sort-due"}


def test_a_recording_belongs_to_a_scenario_that_its_model_claims() -> None:
    claimed = {scenario.id: scenario.claimed_by for scenario in read_scenarios()}
    for path in RECORDINGS.rglob("*.jsonl"):
        folder, _, identity = path.relative_to(RECORDINGS).with_suffix("").as_posix().partition("/")
        assert folder.removesuffix("-schema") in claimed.get(identity, []), path
