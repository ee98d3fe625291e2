"""A planned run of the quickstart, with other settings."""

from pathlib import Path

import pytest

from p2o.cli.plan import PlanCLI, planned_run
from p2o.cli.trainer import run_trainer

CONFIG = Path(__file__).parents[3] / "configs" / "quickstart.yaml"


@pytest.fixture(scope="module")
def plan_of():
    def make(*options):
        cli = run_trainer(["fit", "--config", str(CONFIG), "--trainer.max_epochs=5", *options], PlanCLI)
        parts = cli.config_init["fit"]
        return planned_run(
            cli.model, cli.datamodule, parts["evolution"], parts["fixed_questions"], cli.config["fit"].trainer
        )

    return make
