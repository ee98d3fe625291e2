"""From graded rollouts and their advantages to what the update sees."""

from collections.abc import Sequence

import torch
from torch import Tensor

from p2o.contracts import shaped
from p2o.objective.advantages import Advantage, compared
from p2o.objective.exploration import ExplorationBonus, final_answer
from p2o.objective.rows import TrainingSample
from p2o.prompts.renderer import PromptRenderer
from p2o.rollouts.groups import Group, prompt_numbers


def advantages_of(groups: Sequence[Group], advantage: Advantage, exploration: ExplorationBonus) -> Tensor:
    """How much better than its group each rollout is, exploration included [G, K].

    Raises:
        InputError: A part gives something else than a number for each rollout.
    """
    rewards = torch.tensor([[rollout.reward for rollout in group] for group in groups])  # [G, K]
    answers = [[final_answer(rollout) for rollout in group] for group in groups]
    advantages = compared(advantage, rewards, prompt_numbers(groups))
    bonuses = shaped(exploration, exploration(answers), rewards, "a bonus for each rollout [G, K]", "Zeros are none.")
    return advantages + bonuses


def training_samples(
    groups: Sequence[Group], advantages: Tensor, renderer: PromptRenderer
) -> list[list[TrainingSample]]:
    """The samples of each group; the bare prompt of a question is rendered once for all of its rollouts.

    Args:
        groups: G groups of K rollouts.
        advantages: [G, K].
        renderer: Renders the bare prompt.
    """
    return [_of_group(group, values, renderer) for group, values in zip(groups, advantages.tolist(), strict=True)]


def _of_group(group: Group, advantages: Sequence[float], renderer: PromptRenderer) -> list[TrainingSample]:
    text = group[0].question.text
    bare = renderer.question(text)
    guides = {rollout.guide: renderer.question(text, rollout.guide) for rollout in group if rollout.guide}
    return [
        TrainingSample(
            bare_ids=bare,
            prompt_ids=rollout.prompt_ids,
            completion_ids=rollout.completion.ids,
            advantage=advantage,
            engine_logps=rollout.completion.logps or (),
            truncated=rollout.completion.truncated,
            guide_ids=guides.get(rollout.guide, ()),
            template=rollout.template,
            correct=rollout.correct,
        )
        for rollout, advantage in zip(group, advantages, strict=True)
    ]
