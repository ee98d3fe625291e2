"""Supervised fine-tuning's sampler: completions that a teacher wrote, asked for once."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch

from p2o.distributed.unions import concatenated, first_rank_wins
from p2o.endpoints import ZERO_USAGE, Usage
from p2o.engines.base import RolloutEngine
from p2o.errors import InputError
from p2o.objective.engine_correction import EngineCorrection
from p2o.rollouts.sampler import SampledGroups, Sampler, Workload
from p2o.rollouts.step import RolloutStep, StepFailed
from p2o.seeds import derive_seed
from p2o.types import Completion, MixtureItem, Question


class TeacherFailed(InputError):
    """A teacher cannot go on: a wrong key, an endpoint that is down, a limit that is reached.

    Args:
        message: What failed, and what to do.
        completions: In order of the asks: what was written before, so that nobody pays twice; None where nothing was.
    """

    def __init__(self, message: str, completions: Sequence[Completion | None]) -> None:
        super().__init__(message)
        self.completions = completions


class Teacher(ABC):
    """Writes completions of bare questions.

    One that is paid says in `cost` what its last `complete` did cost on this process, and finds in `spent` what all
    processes have spent in the run so far.
    """

    cost: Usage = ZERO_USAGE
    spent: Usage = ZERO_USAGE

    @abstractmethod
    def complete(self, asks: Sequence[tuple[Question, int]], step: RolloutStep) -> list[Completion]:
        """One completion for each question and seed, in order, as token ids of the policy's tokenizer, eos included.

        Raises:
            TeacherFailed: It cannot go on; asking again before the cause is removed only costs.
        """


class TeacherCompletions(Sampler):
    """K completions of each question by a teacher, the same in every epoch: what Teacher-Distill-SFT learns from.

    The paper's baseline asks for two (`data.num_generations: 2`). With `RewardItself`, `LogLikelihood` and
    `OnlySignal` the step is supervised fine-tuning on those that the reward verified. They are kept in the checkpoint,
    and counted as `teacher` in the summary; what is logged as training reward is the teacher's.

    Args:
        teacher: Who writes.
    """

    ignores_templates = True

    def __init__(self, teacher: Teacher) -> None:
        self.teacher = teacher
        self.completions: dict[str, list[Completion | None]] = {}  # question id -> K; None: not written yet

    def __call__(self, items: Sequence[MixtureItem], step: RolloutStep) -> SampledGroups:
        """The teacher's groups for the samples; nothing is asked of the policy.

        Raises:
            StepFailed: The teacher cannot go on.
        """
        known = {s.question: self.completions.get(s.question.id, [None] * len(s.templates)) for s in items}
        places = [(question, k) for question, row in known.items() for k, one in enumerate(row) if one is None]
        asks = [(question, derive_seed(step.seed, "teacher", question.id, k)) for question, k in places]
        failure, came = "", list[Completion | None]()
        try:
            came += self.teacher.complete(asks, step)
        except TeacherFailed as failed:
            failure, came = str(failed), list(failed.completions)
        # The teacher's log-probabilities, if it tells them, belong to its own prompt and not to the bare one.
        written = {place: replace(one, logps=None) for place, one in zip(places, came, strict=True) if one is not None}
        step.worker.counts.add("teacher", list(written.values()))
        mine = {
            question.id: [written.get((question, k), one) for k, one in enumerate(known[question])]
            for question in dict.fromkeys(question for question, _ in places)
        }
        # Place by place: of a question that padding gives to two processes, each may lack what the other one has.
        sizes = first_rank_wins({name: len(row) for name, row in mine.items()})
        filled = {(name, k): one for name, row in mine.items() for k, one in enumerate(row) if one is not None}
        texts = first_rank_wins(filled)
        self.completions |= {name: [texts.get((name, k)) for k in range(size)] for name, size in sizes.items()}
        costs = concatenated([self.teacher.cost])
        self.teacher.spent = sum(costs, self.teacher.spent)
        if failure := next(filter(None, concatenated([failure])), ""):  # on all processes
            raise StepFailed(failure, paid=any(cost.tokens for cost in costs))
        complete = [one for item in items for one in self.completions[item.question.id] if one is not None]
        return SampledGroups(step.worker.grade_teacher_completions(items, complete), [])

    def problems(self, engine: RolloutEngine, correction: EngineCorrection) -> Iterator[str]:
        """A correction against the log-probabilities of who sampled, which a teacher's are not."""
        if correction.reads_logps:
            yield (
                f"model.correction: {type(correction).__name__} weighs tokens against the log-probabilities of the "
                "engine, and a teacher wrote these. Take NoCorrection."
            )

    def forecast(self, work: Workload) -> dict[str, tuple[int, int]]:
        """K of the teacher's for each question, once; none of the policy's."""
        least, most = work.different
        padding = -(-most // work.questions) * (work.samples - work.questions)  # two processes ask one question at once
        return {"teacher": (least * work.num_generations, (most + padding) * work.num_generations)}

    def state_dict(self) -> dict[str, Any]:
        """The completions, ids as tensors, which are small and load with `weights_only=True`; and what they cost."""
        return {
            "spent": self.teacher.spent.plain(),
            "completions": {
                question: [one and (torch.tensor(one.ids, dtype=torch.int32), one.truncated) for one in completions]
                for question, completions in self.completions.items()
            },
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes over the completions of the run that is resumed, and what they cost."""
        self.teacher.spent = Usage(**state["spent"])
        self.completions = {
            question: [one and Completion(tuple(one[0].tolist()), one[1]) for one in completions]
            for question, completions in state["completions"].items()
        }
