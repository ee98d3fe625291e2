"""The size of an evolution, what it may cost in rollouts, and the reasons for its end."""

import inspect
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, get_args

from p2o.errors import InputError
from p2o.policy.module import PolicyModule
from p2o.prompts.set_cover import Credit
from p2o.rewards.base import Reward


@dataclass(frozen=True)
class EvolutionSettings:
    """The size of an evolution.

    Args:
        budget: Rollouts at most, those of the seeds included; never exceeded (`auto_budget` has the usual levels).
        width: W, parents of an iteration at most.
        mini_batch_size: B, train questions on which a parent and its child are compared.
        proposals: Children of a parent at most, each from a reflection of its own.
        completions: n, completions of a question whenever a template is evaluated on it.
        patience: The search ends after this many iterations in a row without a new template to try, be it that the
            reflector proposes nothing usable, that it repeats itself, or that it has no failures to work on.
        min_parents: Parents of an iteration at least, if the budget pays them: the front's again and again, each time
            with another mini-batch, so that calls to the engine and the reflector are fuller.
        screen_size: v, dev questions on which children are scored; null: on all of them.
        cover_share: Share of the budget that is kept for asking the pool the dev questions beyond the screen.
        credit: What the bank covers: dev questions of whose completions more than half are correct (`majority`), or
            every share of correct completions for what it is (`share`).
        reuse: Whether a pair of question and template is asked and paid for once.
        confirm: Whether dev questions that one template alone solves are asked again, to `report` lucky hits or to
            `drop` them. Of the budget, one evaluation of the dev questions is set aside for it.
        crossover: Chance of a proposal to be asked for from two templates of the front that complement each other,
            where there are such.

    Raises:
        InputError: A size is out of range.
    """

    budget: int
    width: int = 16
    mini_batch_size: int = 3
    completions: int = 1
    proposals: int = 1
    patience: int = 10
    min_parents: int = 1
    screen_size: int | None = None
    cover_share: float = 0.0
    credit: Credit = "majority"
    reuse: bool = False
    confirm: Literal["never", "report", "drop"] = "never"
    crossover: float = 0.0

    def __post_init__(self) -> None:
        if self.budget < 0:
            raise InputError(f"Expected an evolution budget of 0 rollouts or more, got {self.budget}.")
        for name in ("width", "mini_batch_size", "completions", "proposals", "patience", "min_parents"):
            if (size := getattr(self, name)) < 1:
                raise InputError(f"Expected evolution setting {name} to be 1 or more, got {size}.")
        if not 0 <= self.crossover <= 1:
            raise InputError(f"evolution.crossover: expected a chance from 0 to 1, got {self.crossover}.")
        if self.screen_size is None and self.cover_share:
            raise InputError(
                f"evolution.cover_share: expected 0 without evolution.screen_size, got {self.cover_share}: every child "
                "is scored on all dev questions then, and nothing is left to cover. Set screen_size, 48 of 300 say."
            )
        if self.screen_size is not None and (self.screen_size < 1 or not 0 < self.cover_share < 1):
            raise InputError(
                "evolution.screen_size: expected 1 or more, and evolution.cover_share above 0 and below 1 with it, got "
                f"{self.screen_size} and {self.cover_share}."
            )


def measured_by(settings: object, tau: int | None, module: PolicyModule) -> dict[str, Any]:
    """Which questions an evolution asks and what its scores mean: one that has begun must end with the same settings.

    Those of other sections have their full names.

    Args:
        settings: Of all evolutions of the run.
        tau: τ of the data; None: no hard set is judged by it.
        module: Says how questions are asked, and how answers are graded.
    """
    names = ("completions", "temperature", "mini_batch_size", "dev_size", "min_hard_set", "compare_on")
    found = {name: vars(settings)[name] for name in names} | {"learn_from": _named(vars(settings)["learn_from"])}
    found |= {
        "model.max_completion_length": module.sampling.max_completion_length,
        "model.reward": _named(module.reward),
        "model.instruction": module.instruction,
        "model.chat_template_kwargs": json.loads(json.dumps(module.chat_template_kwargs or {}, default=str)),
    }
    return found if tau is None else {**found, "tau": tau}


def _named(part: object) -> str:
    """The class of a part and its settings, as far as they are plain: equal for equal parts of different processes."""
    return f"{type(part).__name__}({json.dumps(_options(part), default=_plain, skipkeys=True)})"


def _options(part: object) -> dict[str, Any]:
    """What a part keeps of its constructor's arguments; what it counts or opens while it works is left out."""
    arguments = inspect.signature(type(part)).parameters
    return {name: value for name, value in vars(part).items() if name.lstrip("_") in arguments}


def _plain(value: object) -> object:
    if isinstance(value, frozenset | set):
        return sorted(value, key=str)
    return {type(value).__name__: _options(value)} if isinstance(value, Reward) else str(type(value))


def check_measured_by(begun: Mapping[str, Any], present: Mapping[str, Any]) -> None:
    """Compares the settings that an unfinished evolution has begun with, as far as they are known, with the present.

    Raises:
        InputError: One has changed.
    """
    for name, value in begun.items():
        if value != present[name]:
            full_name = name if "." in name else f"{'data' if name == 'tau' else 'evolution'}.{name}"
            raise InputError(
                f"{full_name}: expected {value!r}, which the unfinished evolution has begun with, got "
                f"{present[name]!r}. Set it back; the next evolution may have another."
            )


class StopReason(StrEnum):
    """Why an evolution ended, in words for the console and the report."""

    BUDGET = "the budget has no room for another iteration"
    SMALL_BUDGET = "the budget does not pay for one template on the dev questions"
    NO_DEV = "there are no dev questions"
    NO_TRAIN = "there are no train questions"
    IDLE = "too many iterations in a row had no new template to try"


Level = Literal["light", "medium", "heavy", "heavy_2", "heavy_3", "heavy_4", "heavy_16"]

CANDIDATES: dict[Level, int] = {
    "light": 6,
    "medium": 12,
    "heavy": 18,
    "heavy_2": 36,
    "heavy_3": 54,
    "heavy_4": 72,
    "heavy_16": 288,
}
MINI_BATCH_TRIALS = 35  # evaluations planned per trial; this and the next two are DSPy's constants
FULL_EVALUATION_STEPS = 5
PILOT_EVALUATIONS = 5


def auto_budget(level: Level, dev_size: int) -> int:
    """Rollouts of a budget level, by DSPy's formula for GEPA with one prompt; the paper runs `heavy_4`.

    With V = `dev_size`, C candidates and N = ⌊max(4·log2 C, 1.5·C)⌋ trials: V + 5C + 35N + (⌊(N+1)/5⌋ + 1 + [N<5])·V.
    The formula plans one completion per evaluation; multiply it if there are more.

    Raises:
        InputError: There is no such level.
    """
    if level not in CANDIDATES:
        raise InputError(f"Expected a budget level out of {', '.join(get_args(Level))}, got {level!r}.")
    candidates = CANDIDATES[level]
    trials = int(max(4 * math.log2(candidates), 1.5 * candidates))
    full_evaluations = (trials + 1) // FULL_EVALUATION_STEPS + 1 + (trials < FULL_EVALUATION_STEPS)
    planned = PILOT_EVALUATIONS * candidates + MINI_BATCH_TRIALS * trials
    return dev_size + planned + full_evaluations * dev_size


def evolution_sizes(hard: int, dev_size: int, budget: int | Level, completions: int) -> tuple[int, int]:
    """Dev questions and budget of an evolution on so many hard questions: half of them are dev at most."""
    dev = min(dev_size, hard // 2)
    return dev, budget if isinstance(budget, int) else completions * auto_budget(budget, dev)


def affordable_parents(remaining: int, mini_batch_cost: int, dev_cost: int, proposals: int = 1) -> int:
    """How many parents the next iteration can try; 0 if none.

    Whatever comes of it, a mini-batch for each of them, one for each of their `proposals` children, and one dev
    evaluation are paid for.
    """
    return max(0, (remaining - dev_cost) // ((1 + proposals) * mini_batch_cost))
