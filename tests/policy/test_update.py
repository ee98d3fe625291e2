"""What is logged of an update of several optimizer steps."""

import copy
import csv
from pathlib import Path
from statistics import fmean

import pytest

from p2o.cli.main import main
from p2o.engines import TransformersEngine
from p2o.policy.module import PolicyModule
from p2o.policy.update import OptimizerSteps
from quickstart_run import SHAPED, fit
from test_fit import differences

CONFIG = Path(__file__).parents[2] / "configs" / "quickstart.yaml"


def rows_of(root: Path) -> list[dict[str, str]]:
    with (root / "logs" / "version_0" / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def test_loss_and_norm_are_means_over_the_mini_batches(tmp_path, monkeypatch):
    steps, policies, take = [], set(), OptimizerSteps._step

    def record(*arguments):
        optimizer_steps, _, policy, rows, _, size = arguments
        policies.add(policy)
        assert size == optimizer_steps.objective.size(rows)  # rows without signal count
        steps.append(take(*arguments))
        return steps[-1]

    monkeypatch.setattr(OptimizerSteps, "_step", record)
    options = [
        f"--trainer.default_root_dir={tmp_path}",
        "--trainer.max_epochs=1",
        "--trainer.limit_train_batches=1",
        "--trainer.limit_val_batches=0",
        "--trainer.enable_progress_bar=false",
        "--data.train.init_args.easy=3",
        "--data.train.init_args.hard=3",
        "--data.batch_size=6",
        "--model.mini_batch_size=2",
        "--model.max_completion_length=24",
        "--model.temperature=1.5",  # lengths differ, and rewards with them
        "--model.reward=SoftOverlong",
        "--model.reward.of=MathAnswer",
        "--model.reward.max_length=24",
        "--model.reward.cache=24",
        "--evolution.budget=0",
        "--fixed_questions.questions=0",
    ]
    main(["fit", "--config", str(CONFIG), *options])
    [row] = [row for row in rows_of(tmp_path) if row["policy/loss"]]
    assert len(steps) == 3 and len({step.grad_norm for step in steps}) > 1
    assert float(row["policy/loss"]) == pytest.approx(fmean(step.loss for step in steps), abs=1e-6)  # float32
    assert float(row["policy/grad_norm"]) == pytest.approx(fmean(step.grad_norm for step in steps))
    [policy] = policies
    assert all(parameter.grad is None for parameter in policy.parameters())  # rollouts have the gradients' memory


def test_a_step_without_a_gradient_does_not_show_the_last_one_s_figures(tmp_path, monkeypatch):
    """Lightning logs what a step leaves out as it was in the last one, until the epoch ends."""
    of_the_step = PolicyModule.advantages
    monkeypatch.setattr(
        PolicyModule, "advantages", lambda self, groups: of_the_step(self, groups) * (self.global_step != 1)
    )
    fit(tmp_path, *SHAPED, "--trainer.limit_train_batches=3", "--data.batch_size=2", "--data.train.init_args.easy=2")
    rows = [row for row in rows_of(tmp_path) if row["policy/loss"]]
    assert [float(row["policy/steps_without_gradient"]) for row in rows] == [0, 1, 0]
    for name in ("policy/entropy", "policy/clipped", "sampling_logp_difference/max"):
        assert [bool(row[name]) for row in rows] == [True, False, True], name
    assert all(row["train/reward_step"] for row in rows)


@pytest.mark.parametrize("option", [False, True])
def test_between_steps_with_a_gradient_one_without_moves_nothing_unless_it_is_to(tmp_path, monkeypatch, option):
    """AdamW has moments by then, and would move the weights by them and by decay, as it does in TRL and verl."""
    moved, take, of_the_step = [], OptimizerSteps._step, PolicyModule.advantages

    def state(module, policy):
        optimizer, scheduler = module.optimizers().optimizer, module.lr_schedulers()
        moments, schedule = optimizer.state_dict()["state"], (scheduler.last_epoch, scheduler.get_last_lr())
        return copy.deepcopy({"weights": policy.state_dict(), "moments": moments, "schedule": schedule})

    def compare(self, module, policy, *rest):
        before = state(module, policy)
        taken = take(self, module, policy, *rest)
        moved.append({path.split("/")[1] for path in differences(before, state(module, policy))})
        return taken

    monkeypatch.setattr(OptimizerSteps, "_step", compare)
    monkeypatch.setattr(PolicyModule, "advantages", lambda self, groups: of_the_step(self, groups) * (len(moved) != 1))
    options = (
        "--trainer.limit_train_batches=3",
        "--data.batch_size=2",
        "--data.train.init_args.easy=2",
        "--model.optimizer.init_args.weight_decay=0.1",
        "--model.lr_scheduler.init_args.steps=8",
        f"--model.step_without_gradient={option}",
    )
    fit(tmp_path, *SHAPED, *options)
    everything = {"weights", "moments", "schedule"}
    assert moved == [everything, everything if option else set(), everything]


def test_the_learning_rate_of_a_step_is_logged_as_it_was_taken(tmp_path):
    """And not as the next one will have it."""
    warm = ("--model.optimizer.init_args.lr=1e-3", "--model.lr_scheduler.init_args.steps=4")
    fit(tmp_path, *SHAPED, *warm, "--data.batch_size=2", "--trainer.limit_train_batches=3")
    rows = [row for row in rows_of(tmp_path) if row["policy/loss"]]
    assert [float(row["policy/lr"]) for row in rows] == pytest.approx([2.5e-4, 5e-4, 7.5e-4])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model.lr_scheduler=torch.optim.lr_scheduler.ReduceLROnPlateau"], "missing 1 required positional argument"),
        (["--model.optimizer=torch.optim.LBFGS"], "cannot be made or stepped"),
        (["--model.optimizer=torch.optim.SparseAdam"], "cannot be made or stepped"),
        (["--model.optimizer=torch.optim.Muon"], "model.optimizer: Muon only supports 2D parameters"),
    ],
)
def test_an_optimizer_that_does_not_step_by_a_gradient_is_refused_before_training(
    tmp_path, monkeypatch, capsys, options, message
):
    monkeypatch.setattr(TransformersEngine, "generate", lambda *_: pytest.fail("it began"))
    with pytest.raises(SystemExit):
        fit(tmp_path, *options)
    assert message in capsys.readouterr().err
