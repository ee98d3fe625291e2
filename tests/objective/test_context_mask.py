import math

import pytest
import torch
from lightning import LightningModule, Trainer
from torch.utils.data import DataLoader

from p2o.objective.context_estimators import Masked
from p2o.objective.context_mask import ContextMaskStats, context_mask_stats
from p2o.policy.update import log_shares


def test_counts_by_side_and_by_fifth_of_the_completion():
    bare = torch.log(torch.tensor([[0.001, 0.5, 0.5, 0.5, 0.9], [0.9, 0.001, 0.5, 0.5, 0.5]]))
    templated = torch.log(torch.tensor([[0.5, 0.5, 0.5, 0.5, 0.01], [0.01, 0.5, 0.5, 0.5, 0.5]]))
    mask = torch.tensor([[True] * 5, [True] * 2 + [False] * 3])
    _, weights = Masked(low=0.01)(bare, templated)
    found = context_mask_stats(weights, bare - templated, mask, torch.tensor([[True], [True]]))
    assert found.tokens.tolist() == [2, 1, 2, 1, 1]  # the two tokens of the short row open its first and third fifth
    assert found.below.tolist() == [1, 0, 1, 0, 0]
    assert found.above.tolist() == [1, 0, 0, 0, 1]
    assert found.shares()["below"] == (2 / 7, 7)
    assert found.shares()["above_fifth_5"] == (1.0, 1)


def test_the_share_of_the_gap_that_is_masked():
    """One token of five carries the template's lesson: the mask leaves 20 % of the tokens and 96 % of the gap out."""
    bare = torch.tensor([[-6.0, -1.0, -1.0, -1.0, -1.0]])
    templated = torch.tensor([[-1.2, -0.8, -1.0, -2.0, -1.0]])  # adds 4.8 and 0.2 nats; what it takes away adds nothing
    _, weights = Masked(low=0.01)(bare, templated)
    found = context_mask_stats(weights, bare - templated, torch.ones(1, 5, dtype=torch.bool), torch.tensor([[True]]))
    assert found.share == 0.2
    share, weight = found.shares()["masked_gap"]
    assert abs(share - 4.8 / 5.0) < 1e-6 and weight == 5000  # 5 nats


class Logging(LightningModule):
    """Logs what two steps masked, as the update does."""

    def __init__(self, steps):
        super().__init__()
        self.automatic_optimization, self.steps = False, steps

    def configure_optimizers(self):
        return None

    def training_step(self, batch, batch_idx):
        log_shares(self, self.steps[batch_idx])


def test_the_masked_share_of_an_epochs_gap_is_that_of_all_its_nats(tmp_path):
    """A step of 1,000 nats, 900 masked, beside one of 10, none masked, and one of a policy that is not finite."""
    tokens, none = torch.tensor([1000, 0, 0, 0, 0]), torch.zeros(5, dtype=torch.long)
    steps = [
        ContextMaskStats(tokens, none, none, *nats) for nats in ((1000.0, 900.0), (10.0, 0.0), (math.nan, math.nan))
    ]
    quiet = dict(logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False)
    trainer = Trainer(max_epochs=1, accelerator="cpu", default_root_dir=tmp_path, **quiet)
    trainer.fit(Logging(steps), DataLoader(range(3)))
    assert trainer.callback_metrics["context/masked_gap"] == pytest.approx(900 / 1010)
    assert trainer.callback_metrics["context/below"] == 0


def test_bare_rows_do_not_count():
    zeros = torch.zeros(1, 3)
    found = context_mask_stats(zeros, zeros, torch.ones(1, 3, dtype=torch.bool), torch.tensor([[False]]))
    assert found.tokens.sum() == 0
    assert found.shares() == {}
