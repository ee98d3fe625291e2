"""What an epoch's rollouts come to, and what is said of it."""

import warnings

import pytest
from torch import tensor

from factories import rollout
from p2o.callbacks.epoch_meter import EpochMeter, warn_of_masked_gap
from quickstart_run import fit

TEMPLATE = "Go through the chain step by step."
EVOLVED = (
    "--trainer.max_epochs=2",
    "--trainer.limit_train_batches=4",
    "--model.max_completion_length=96",
    "--data.tau=6",
    "--evolution.reflector=StaticReflector",
    f'--evolution.reflector.templates=["{TEMPLATE}"]',
    "--evolution.budget=18",
    "--evolution.min_hard_set=2",
)


def test_a_meter_knows_of_templated_rollouts_and_a_resumed_one_too():
    meter, resumed = EpochMeter(), EpochMeter()
    meter.add([rollout(True)])
    assert not meter.templated
    meter.add([rollout(True), rollout(False, "Think.")])
    resumed.load_state_dict(meter.state_dict())
    assert meter.templated and resumed.templated
    assert resumed.figures({"rollouts": 2.0})["tokens_per_second"] == 3.0


@pytest.mark.parametrize("share", [None, tensor(0.0), tensor(0.5)])
def test_a_gap_that_the_gradient_sees_is_not_warned_of(share):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_masked_gap(1, share)


@pytest.mark.slow
def test_a_run_whose_mask_keeps_most_from_the_gradient_says_so(tmp_path):
    """All tokens that the template makes any likelier are masked."""
    with pytest.warns(UserWarning, match="epoch 1: the context mask left out 100% of what templates change") as said:
        fit(tmp_path, *EVOLVED, "--model.context=Masked", "--model.context.low=0.9999")
    assert sum("the context mask" in str(warning.message) for warning in said) == 1  # epoch 0 has no template yet
