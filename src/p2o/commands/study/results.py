"""What a finished run came to, read from its folder."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from p2o.commands.study.fits import Fit
from p2o.errors import InputError
from p2o.run_folder.log_columns import VALIDATION_LOG
from p2o.run_folder.paths import RunPaths
from p2o.run_folder.readers import read_summary


@dataclass(frozen=True)
class RunResult:
    """What a finished run came to.

    Args:
        seed: Its seed.
        summary: Its summary.json.
        questions: Ids of the validation questions whose accuracy is compared, Q, in order of their ids.
        correct: Whether each was answered correctly after each epoch, 0 or 1, [E, Q].
        weights: Of each epoch's validation in the area under the learning curve, summing to 1, [E].
    """

    seed: int
    summary: Mapping[str, Any]
    questions: tuple[str, ...]
    correct: Tensor
    weights: Tensor

    @property
    def final(self) -> Tensor:
        """Each question after the last epoch, [Q]."""
        return self.correct[-1]

    @property
    def curve(self) -> Tensor:
        """Each question over the whole run, [Q]: the area under the learning curve, over the rollouts spent.

        It tells methods apart that end alike, and does not favour many short epochs.
        """
        return self.weights @ self.correct

    def rollouts_until(self, target: float) -> int | None:
        """Rollouts of training and evolution before the first validation at this accuracy; None if none was."""
        spent = spent_before(self.summary["rollout_history"])
        reached = (self.correct.mean(dim=1) >= target).tolist()
        return next((rollouts for rollouts, there in zip(spent, reached, strict=True) if there), None)

    def accuracy_after(self, rollouts: int) -> float | None:
        """Mean accuracy when training and evolution had spent so many rollouts, linear between validations.

        None before the first validation and after the last: nobody measured.
        """
        spent = torch.tensor(spent_before(self.summary["rollout_history"]), dtype=torch.float64)
        if not spent[0] <= rollouts <= spent[-1]:
            return None
        accuracies = self.correct.mean(dim=1)  # [E]
        after = int(torch.searchsorted(spent, float(rollouts)))  # the first validation that lies there or later
        if spent[after] == rollouts:
            return float(accuracies[after])
        share = (rollouts - spent[after - 1]) / (spent[after] - spent[after - 1])
        return float(torch.lerp(accuracies[after - 1], accuracies[after], share))

    def figure(self, path: str) -> float | None:
        """A number of the summary by its path, such as "validation.bare.easy"; None if the run has none there.

        A name may have dots itself ("validation.bare.7.5"): of several that the path may mean it is the longest.

        Raises:
            InputError: There is no such path.
        """
        value: Any = self.summary
        rest = path
        while rest and value is not None:
            names = [name for name in value if f"{rest}.".startswith(f"{name}.")] if isinstance(value, Mapping) else []
            if not names:
                there = f"has {', '.join(value)}" if isinstance(value, Mapping) else f"is {value!r}"
                first = rest.partition(".")[0]
                raise InputError(f"metrics: no {first!r} for {path!r} of summary.json: what is in its place {there}.")
            name = max(names, key=len)
            value, rest = value[name], rest[len(name) + 1 :]
        if value is not None and not isinstance(value, int | float):
            raise InputError(f"metrics: expected a number at {path!r} of summary.json, found {value!r}.")
        return value


def read_result(fit: Fit, accuracy: str) -> RunResult:
    """The result of a run that is done.

    Args:
        fit: The run.
        accuracy: Context and difficulty of the compared questions, such as "bare/hard", or the context alone for all
            questions. A question that an epoch did not ask under a template counts as it was asked bare, since that is
            what such a policy would be asked.

    Raises:
        InputError: The run's folder lacks a file, or there are no such questions.
    """
    paths = RunPaths(fit.folder)
    summary = read_summary(paths)
    context, _, difficulty = accuracy.partition("/")
    epochs = []
    for number in range(summary["epochs"]):
        rows = list(VALIDATION_LOG.read(paths.validation(number)))
        part = [row for row in rows if not difficulty or row["difficulty"] == difficulty]
        if not part:
            raise InputError(
                f"accuracy: {difficulty!r} is the difficulty of no validation question of {fit.folder.name}, which has "
                f"{', '.join(sorted({row['difficulty'] for row in rows}))}."
            )
        ways: dict[str, dict[str, float]] = {"bare": {}, "templated": {}}
        for row in part:
            ways[row["context"]][row["id"]] = float(row["correct"])
        epochs.append(ways["bare"] | ways[context])
    questions = tuple(sorted(epochs[-1]))
    spent = torch.tensor([0, *spent_before(summary["rollout_history"])], dtype=torch.float64).diff()
    return RunResult(
        seed=fit.seed,
        summary=summary,
        questions=questions,
        correct=torch.tensor([[epoch[name] for name in questions] for epoch in epochs], dtype=torch.float64),
        weights=curve_weights(spent),
    )


def curve_weights(spent: Tensor) -> Tensor:
    """Weights [E] of validations for the mean over rollouts, of which `spent` [E] lie before each and after the last.

    Linear between two validations (the trapezoidal rule); before the first one, where nobody measured, as there.
    """
    spent = spent if spent.sum() else torch.ones_like(spent)
    halves = spent / 2
    weights = halves + torch.cat([halves[1:], torch.zeros_like(halves[:1])])
    weights[0] += halves[0]
    return weights / spent.sum()


def spent_before(history: list[dict[str, int]]) -> list[int]:
    """Rollouts of training and evolution before each epoch's validation, which is before that epoch's evolution."""
    evolution = [0, *(counts["evolution"] for counts in history)]
    return [counts["train"] + before for counts, before in zip(history, evolution, strict=False)]
