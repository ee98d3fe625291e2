"""Parts of one's own that keep a state: it is in the checkpoint, and a resumed run goes on with it."""

import pytest
import torch
from torch import nn

import p2o
from p2o.engines import TransformersEngine
from p2o.errors import InputError
from p2o.evolution import DominanceSelector
from p2o.mixture.assignment import ByScore
from p2o.objective import ClippedLoss, GroupNormalized, Masked, TokenMean
from p2o.policy.checkpoints.state import load_part, policy_state
from p2o.policy.loading import BUNDLED, load_policy
from p2o.reflectors import Proposal, Reflector
from p2o.rewards import MathAnswer, Reward
from p2o.rollouts import AllGroups
from quickstart_run import SMALL, last

SOFT = {"class_path": "SoftOverlong", "init_args": {"max_length": 24, "cache": 24, "of": f"{__name__}.RewardModel"}}
OWN = {
    "model.reward": SOFT,
    "model.advantage": f"{__name__}.Advantages",
    "evolution.reflector": f"{__name__}.Rules",
    "evolution.selector": f"{__name__}.Selector",
    "data.assignment": f"{__name__}.Assignment",
}
OPTIONS = dict(option.removeprefix("--").split("=") for option in SMALL) | {
    "evolution.budget": 24,
    "evolution.dev_size": 2,
    "evolution.min_hard_set": 2,
    "evolution.width": 2,
}


class Counts:
    """Says how often it was asked, in all processes of the run."""

    asked = 0

    def state_dict(self):
        return {"asked": self.asked} if self.asked else {}

    def load_state_dict(self, state):
        self.asked = state["asked"]


class Advantages(Counts, GroupNormalized):
    def __call__(self, rewards, prompts):
        self.asked += 1
        return super().__call__(rewards, prompts)


class Selector(Counts, DominanceSelector):
    def select(self, scores, limit, rng):
        self.asked += 1
        return super().select(scores, limit, rng)


class Assignment(Counts, ByScore):
    def __call__(self, templates, use):
        self.asked += 1
        return super().__call__(templates, use)


class Rules(Counts, Reflector):
    def reflect(self, jobs, context):
        self.asked += len(jobs)
        return [Proposal(f"Rule {self.asked - number}.") for number, _ in enumerate(jobs)]


class RewardModel(nn.Module, Reward):
    """A reward that is a torch module, with a buffer that changes."""

    def __init__(self):
        super().__init__()
        self.head, self.math = nn.Linear(2, 1), MathAnswer()
        self.register_buffer("asked", torch.zeros(1))

    def grade(self, answered):
        self.asked += len(answered)
        return self.math.grade(answered)


class Seen(AllGroups):
    """Keeps how often each question was asked."""

    def __init__(self):
        self.asked = {}

    def state_dict(self):
        return dict(self.asked)

    def load_state_dict(self, state):
        self.asked = dict(state)


class Others(Seen):
    """Another class with a state of the same kind."""


def parts(trainer):
    module, data = trainer.lightning_module, trainer.datamodule
    evolution = next(each for each in trainer.callbacks if isinstance(each, p2o.TemplateEvolution))
    counting = [module.advantage, data.assignment, evolution.reflector, evolution.selector, module.reward.of]
    return [int(part.asked) for part in counting]


def test_a_resumed_run_goes_on_with_the_state_of_every_part(tmp_path):
    options = OPTIONS | OWN | {"trainer.default_root_dir": tmp_path}
    before = parts(p2o.fit("p2o:quickstart", options | {"trainer.max_epochs": 2}))
    assert min(before) > 0
    after = parts(p2o.fit("p2o:quickstart", options | {"trainer.max_epochs": 3, "ckpt_path": "last"}))
    assert all(later > earlier for later, earlier in zip(after, before, strict=True))
    assert after[0] == 6  # a batch each
    assert all(name.startswith("policy.") for name in last(tmp_path)["state_dict"])


def module_with(**parts):
    kinds = {"reward": MathAnswer(), "advantage": GroupNormalized(), "context": Masked(), "loss": ClippedLoss()}
    return p2o.PolicyModule("p2o/micro-policy", TransformersEngine(), **kinds | parts)


def test_the_weights_of_a_part_that_is_a_torch_module_are_not_the_policys():
    module = module_with(reward=RewardModel())
    assert module.state_dict() == {} and list(module.parameters()) == []
    assert module.reward.head.weight.shape == (1, 2)


def test_a_checkpoint_of_parts_without_a_state_is_as_it_was():
    module = module_with(aggregation=TokenMean())
    module.policy = load_policy(BUNDLED)
    state = policy_state(module, {"sampler": module.sampler}, module.counts)
    assert not {"parts", "classes"} & state.keys()


def test_a_sampler_may_name_its_state_after_the_data():
    part, resumed = Seen(), Seen()
    part.load_state_dict({"q1": 2})
    module = module_with(sampler=part)
    module.policy = load_policy(BUNDLED)
    section = policy_state(module, {"sampler": part}, module.counts)
    load_part("model.sampler", resumed, section["sampler"], section["classes"]["sampler"])
    assert resumed.asked == {"q1": 2}
    with pytest.raises(InputError, match=r"model\.sampler is Others, .*another one's state \(.*Seen: q1\)"):
        load_part("model.sampler", Others(), section["sampler"], section["classes"]["sampler"])
    load_part("model.sampler", AllGroups(), {}, None)  # of 0.1.0
    with pytest.raises(InputError, match=r"another one's state \(q1\)"):
        load_part("model.sampler", AllGroups(), section["sampler"], None)
