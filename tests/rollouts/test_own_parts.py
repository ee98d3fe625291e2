"""A sampler, advantage or bonus of one's own that breaks its contract is named."""

import pytest
import torch
from stub_step import StubStep, mixture_item

from factories import rollout
from p2o.errors import InputError
from p2o.objective import Advantage, Centred, ExplorationBonus, NoBonus
from p2o.objective.advantages import PerPrompt
from p2o.rollouts import AllGroups, SampledGroups, Sampler, advantages_of, sample_checked

GROUPS = [[rollout(True), rollout(False), rollout(False)], [rollout(True, number=1)] * 3]  # [2, 3]


class Doing(Advantage, ExplorationBonus):
    """Whatever a test wants of the rewards."""

    def __init__(self, change):
        self.change = change

    def __call__(self, rewards, prompts=None):
        return self.change(torch.zeros(2, 3) if prompts is None else rewards)


@pytest.mark.parametrize(
    ("change", "got"),
    [
        (lambda rewards: rewards.mean(-1, keepdim=True), r"\[2, 1\]"),
        (lambda rewards: rewards.mean(-2), r"\[3\]"),
        (lambda rewards: rewards.mean(), r"\[\]"),
        (lambda rewards: rewards.tolist(), r"\[\[.* of type list"),
    ],
)
def test_what_is_no_number_for_each_rollout_is_named(change, got):
    message = rf"test_own_parts\.Doing: expected {{}} \[G, K\] = \[2, 3\], got {got}"
    with pytest.raises(InputError, match=message.format("an advantage for each rollout")):
        advantages_of(GROUPS, Doing(change), NoBonus())
    with pytest.raises(InputError, match=message.format("a bonus for each rollout")):
        advantages_of(GROUPS, Centred(), Doing(change))


def test_what_compares_the_rollouts_of_one_prompt_is_held_to_it_too():
    with pytest.raises(InputError, match=r"Doing: expected .* = \[1, 3\], got \[1, 1\]"):
        advantages_of(GROUPS, PerPrompt(Doing(lambda rewards: rewards.mean(-1, keepdim=True))), NoBonus())


def test_a_right_advantage_is_taken():
    found = advantages_of(GROUPS, Doing(lambda rewards: 2 * rewards), NoBonus())
    assert found.tolist() == [[2, 0, 0], [2, 2, 2]]


class Sampling(Sampler):
    def __init__(self, change):
        self.change = change

    def __call__(self, items, step):
        return self.change(AllGroups()(items, step).train)


@pytest.mark.parametrize(
    ("change", "got"),
    [
        (lambda groups: groups, r"expected p2o\.rollouts\.SampledGroups, got \["),
        (lambda groups: None, r"expected p2o\.rollouts\.SampledGroups, got None"),
        (lambda groups: SampledGroups(groups[:1], groups[1:]), r"expected as many groups in `train` as .* 2, got 1"),
        (lambda groups: SampledGroups([], groups), r"expected as many groups in `train` as .* 2, got 0"),
        (
            lambda groups: SampledGroups([groups[0], groups[1][:1]], []),
            r"expected .* equally many .* got \[1, 2\]",
        ),
        (lambda groups: SampledGroups([[], []], []), r"expected .* equally many .* got \[0\]"),
    ],
)
def test_a_sampler_that_gives_other_groups_is_named(change, got):
    with pytest.raises(InputError, match=rf"test_own_parts\.Sampling: {got}"):
        sample_checked(Sampling(change), [mixture_item(0), mixture_item(1)], StubStep(9))
