"""A planned run of the quickstart, with other settings."""

from pathlib import Path

import pytest

from p2o.cli.commands.plan import PlanCLI
from p2o.cli.trainer import parse_command

CONFIG = Path(__file__).parents[3] / "configs" / "quickstart.yaml"


@pytest.fixture(scope="module")
def plan_of():
    def make(*options):
        words = ["fit", "--config", str(CONFIG), "--trainer.max_epochs=5", *options]
        return parse_command(words, PlanCLI).planned()

    return make
