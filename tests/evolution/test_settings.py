"""The settings of mining and evolution are options, each says what the paper used, and what has begun keeps them."""

import inspect
import json

import docstring_parser  # comes with jsonargparse, which makes `--help` of it
import pytest

from p2o.engines import TransformersEngine
from p2o.errors import InputError
from p2o.evolution import DominanceSelector
from p2o.evolution.callback import TemplateEvolution
from p2o.evolution.settings import check_measured_by, measured_by
from p2o.mixture.data_module import MixtureDataModule
from p2o.objective.advantages import GroupNormalized
from p2o.objective.context_estimators import Masked
from p2o.objective.losses import ClippedLoss
from p2o.policy.loading import BUNDLED
from p2o.policy.module import PolicyModule
from p2o.reflectors import StaticReflector
from p2o.rewards import ExactAnswer, MathAnswer, SoftOverlong


@pytest.mark.parametrize(
    ("part", "name"),
    [
        (MixtureDataModule, "tau"),
        (MixtureDataModule, "num_generations"),
        (MixtureDataModule, "bare_rollouts"),
        (TemplateEvolution, "dev_size"),
        (TemplateEvolution, "min_hard_set"),
        (TemplateEvolution, "carry_over"),
    ],
)
def test_documented(part, name):
    assert name in inspect.signature(part).parameters
    [said] = [entry.description for entry in docstring_parser.parse(part.__doc__).params if entry.arg_name == name]
    assert "paper" in said


# ---- what an unfinished evolution is measured by


class Strict(ExactAnswer):
    """Counts what it grades."""

    def __init__(self, strict: bool = True) -> None:
        super().__init__()
        self._strict, self.graded = strict, 0


def overlong(**settings):
    return SoftOverlong(MathAnswer(**settings), max_length=96, cache=32)


def policy(reward=None, max_completion_length=96, **prompts):
    parts = GroupNormalized(), Masked(), ClippedLoss()
    prompts = {"chat_template_kwargs": {"days": (1, 2), "b": 1}} | prompts
    lengths = {"max_completion_length": max_completion_length}
    return PolicyModule(BUNDLED, TransformersEngine(), reward or overlong(), *parts, **lengths, **prompts)


@pytest.fixture
def measured():
    """What an evolution of a policy is measured by."""
    evolution = TemplateEvolution(StaticReflector(["a"]), DominanceSelector(), budget=80)
    return lambda module: measured_by(evolution, 2, module)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"max_completion_length": 40}, "max_completion_length: expected 96, which .* has begun with, got 40"),
        ({"instruction": "Q: "}, "instruction: expected .Let.s think .* has begun with, got 'Q: '"),
        ({"reward": MathAnswer()}, "reward: expected 'SoftOverlong.*, which .* has begun with, got 'MathAnswer"),
        ({"reward": overlong(set_relations=True)}, "reward: expected .*false, .* has begun with, got .*true, "),
        ({"chat_template_kwargs": None}, "chat_template_kwargs: expected {'days': .* has begun with, got {}"),
    ],
    ids=["length", "instruction", "another reward", "settings of a reward within a reward", "switches"],
)
def test_an_evolution_that_has_begun_is_asked_and_graded_as_it_began(measured, change, told):
    """What an earlier release has begun goes on: it kept none of these settings."""
    kept = json.loads(json.dumps(measured(policy())))
    check_measured_by(kept, measured(policy()))
    with pytest.raises(InputError, match=rf"^model\.{told}"):
        check_measured_by(kept, measured(policy(**change)))
    earlier = {name: value for name, value in kept.items() if not name.startswith("model.")}
    check_measured_by(earlier, measured(policy(**change)))


def test_what_a_reward_has_counted_is_none_of_its_settings(measured):
    reward = Strict()
    begun = measured(policy(reward))
    reward.graded += 1
    check_measured_by(begun, measured(policy(reward)))
    with pytest.raises(InputError, match=r"model\.reward: expected"):
        check_measured_by(begun, measured(policy(Strict(strict=False))))
