"""The table of `make eval` for the small local model. It has no bound: a model of this size fails most scenarios."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from evals.evaluation import Options, evaluate
from evals.report import markdown
from evals.scenario import read_scenarios
from tests.database import login_settings
from tests.local_model.process import LocalModel

# Slow on a busy machine: the model reads a few dozen tokens of the prompt per second.
pytestmark = [pytest.mark.local_model, pytest.mark.timeout(3600)]

SCENARIOS = (
    "general/small-talk",
    "tasks/complete",
    "tasks/due-today-berlin",
    "tasks/popup-when",
    "blocks/chart-priority",
)


async def test_the_table_of_a_small_model(
    local_model: LocalModel, database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environ = {
        **login_settings(database),
        "TESSERA_STATE_DIR": str(tmp_path),
        "TESSERA_MASTER_KEYS": Fernet.generate_key().decode(),
        "TESSERA_MODEL_URL": local_model.url,
        "TESSERA_MODEL_NAME": "smollm2",
        "TESSERA_MODEL_SHAPE": "hosted",
        "TESSERA_MODEL_KEEPALIVE": "false",
        "TESSERA_MODEL_STRUCTURED_OUTPUT": "true",
        "TESSERA_MODEL_MAX_OUTPUT_TOKENS": "48",
        "TESSERA_MODEL_FIRST_TOKEN_TIMEOUT_S": "600",
        "TESSERA_MODEL_IDLE_TIMEOUT_S": "600",
        "TESSERA_REQUEST_TIMEOUT_S": "500",
        "TESSERA_ROUTER_TIMEOUT_S": "600",
        # The model's chat template does not support tools.
        "TESSERA_MAX_TOOL_ROUNDS": "0",
        "TESSERA_REPAIR_TIMEOUT_S": "0",
    }
    scenarios = [scenario for scenario in read_scenarios() if scenario.id in SCENARIOS]
    run = await evaluate(scenarios, Options(gates=()), environ)
    with capsys.disabled():
        print(f"\n{markdown(run)}")
    assert len(run.results) == len(SCENARIOS)
    assert all(result.verdict.broken is None for result in run.results)
