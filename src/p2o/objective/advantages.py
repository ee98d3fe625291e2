"""Advantages: from the rewards of a group of rollouts to how much better than its group each one is."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

import torch
from torch import Tensor

from p2o.contracts import shaped
from p2o.errors import InputError
from p2o.rewards.base import Reward

EPSILON = 1e-6  # of the released scripts; keeps a division by a tiny std finite


class Advantage(ABC):
    """Compares the K rollouts of a question with one another."""

    @abstractmethod
    def __call__(self, rewards: Tensor, prompts: Tensor) -> Tensor:
        """Rewards [G, K] -> advantages [G, K]; exact zeros where there is nothing to learn, since they cost no pass.

        `prompts` [G, K]: equal numbers in a row are rollouts under the same prompt (template and question).
        """

    def problems(self, reward: Reward) -> Iterator[str]:
        """Why it cannot compare what a reward gives, which is known before training."""
        return iter(())


class GroupNormalized(Advantage):
    """GRPO: (r - mean) / (std + 1e-6), std with Bessel's correction (arXiv 2402.03300, §4.1.2)."""

    def __call__(self, rewards: Tensor, prompts: Tensor) -> Tensor:
        """Rewards [G, K] -> advantages [G, K]."""
        return _centred(rewards) / (rewards.std(dim=-1, keepdim=True) + EPSILON)


class Centred(Advantage):
    """Dr.GRPO: r - mean, so that questions of middling difficulty get no extra weight (arXiv 2503.20783)."""

    def __call__(self, rewards: Tensor, prompts: Tensor) -> Tensor:
        """Rewards [G, K] -> advantages [G, K]."""
        return _centred(rewards)


class MaxRL(Advantage):
    """MaxRL: (r - mean) / mean, so that a question counts the more, the rarer its success (arXiv 2602.02710).

    Rewards must not be negative; a group of zeros has advantages of zero. The abstract was read, not the paper.
    """

    def __call__(self, rewards: Tensor, prompts: Tensor) -> Tensor:
        """Rewards [G, K] -> advantages [G, K]."""
        if rewards.min() < 0:
            raise InputError(f"MaxRL divides by the mean reward and needs rewards >= 0, got {float(rewards.min())}.")
        mean = rewards.mean(dim=-1, keepdim=True)  # [G, 1]
        return torch.where(mean > 0, _centred(rewards) / mean.clamp(min=EPSILON), torch.zeros_like(rewards))

    def problems(self, reward: Reward) -> Iterator[str]:
        """A reward that may be below 0."""
        if reward.may_be_negative:
            yield (
                f"model.advantage: MaxRL divides by the mean reward and needs rewards >= 0; {type(reward).__name__} "
                "may give less. Take another advantage, or leave out what is taken off."
            )


class LeaveOneOut(Advantage):
    """RLOO: r_i minus the mean of the other K - 1 (arXiv 2402.14740), which is K/(K-1)·(r_i - mean)."""

    def __call__(self, rewards: Tensor, prompts: Tensor) -> Tensor:
        """Rewards [G, K] -> advantages [G, K]."""
        count = rewards.shape[-1]
        return _centred(rewards) * (count / (count - 1))


class NGRPOAdvantage(Advantage):
    """NGRPO: mean and std are taken over the K rewards and one virtual, perfect one (its code: nangongrui-ngr/NGRPO).

    A group of all wrong rollouts gets a negative advantage instead of none; one of all perfect rollouts still gets 0.

    Args:
        best: The virtual reward (NGRPO: 1, the largest there is).
    """

    def __init__(self, best: float = 1.0) -> None:
        self.best = best

    def __call__(self, rewards: Tensor, prompts: Tensor) -> Tensor:
        """Rewards [G, K] -> advantages [G, K]."""
        joined = torch.cat([rewards, torch.full_like(rewards[:, :1], self.best)], dim=-1)  # [G, K+1]
        return _centred(joined)[:, :-1] / (joined.std(dim=-1, keepdim=True) + EPSILON)


class PerPrompt(Advantage):
    """Compares only rollouts under the same prompt, as E-SPL does (arXiv 2602.14697): a baseline for each template.

    A rollout that is alone with its prompt has nothing to be compared with and gets 0.

    Args:
        of: How those of one prompt are compared (E-SPL: `Centred`).
    """

    def __init__(self, of: Advantage) -> None:
        if isinstance(of, PerPrompt):
            raise InputError("PerPrompt needs another advantage in `of`, got PerPrompt.")
        self.of = of

    def __call__(self, rewards: Tensor, prompts: Tensor) -> Tensor:
        """Rewards [G, K] -> advantages [G, K]."""
        advantages = torch.zeros_like(rewards)
        for line, numbers, out in zip(rewards, prompts, advantages, strict=True):
            for number in numbers.unique():
                same = numbers == number  # [K]
                if same.sum() > 1:
                    out[same] = compared(self.of, line[same].unsqueeze(0), numbers[same].unsqueeze(0)).squeeze(0)
        return advantages

    def problems(self, reward: Reward) -> Iterator[str]:
        """Those of what compares the rollouts of one prompt."""
        return self.of.problems(reward)


class NoAdvantage(Advantage):
    """A = 0: no policy gradient, so that regularizers such as `ReverseContextKL` are the whole loss."""

    def __call__(self, rewards: Tensor, prompts: Tensor) -> Tensor:
        """Zeros [G, K]."""
        return torch.zeros_like(rewards)


class RewardItself(Advantage):
    """A = r, no comparison: with `LogLikelihood` this is supervised fine-tuning on verified completions."""

    def __call__(self, rewards: Tensor, prompts: Tensor) -> Tensor:
        """Rewards [G, K], as they are."""
        return rewards


def compared(advantage: Advantage, rewards: Tensor, prompts: Tensor) -> Tensor:
    """The advantages [G, K] of rewards [G, K].

    Raises:
        InputError: They are of another shape, such as one for each group.
    """
    came = advantage(rewards, prompts)
    return shaped(advantage, came, rewards, "an advantage for each rollout [G, K]", "Expand a mean over its group.")


def _centred(rewards: Tensor) -> Tensor:
    """Reward minus the mean of its row [G, K]; exactly 0 in rows of equal rewards.

    The mean of equal floats can differ from them by a rounding error, which a tiny std would blow up.
    """
    varies = rewards.amax(dim=-1, keepdim=True) > rewards.amin(dim=-1, keepdim=True)  # [G, 1]
    return torch.where(varies, rewards - rewards.mean(dim=-1, keepdim=True), torch.zeros_like(rewards))
