"""The tasks of reasoning-gym: questions that are made up, each with a scorer of its own."""

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from p2o.errors import InputError
from p2o.questions.base import QuestionSource
from p2o.rewards.base import GradingInput, Reward
from p2o.rewards.boxed import last_boxed
from p2o.rewards.worker import Failure, WorkerPool
from p2o.seeds import derive_seed
from p2o.types import Grade, Outcome, Question

ORIGIN = "reasoning-gym "  # before the recipe of a question, by which its scorer finds it again
ANY = "(many answers are right)"  # where a task names no answer


class ReasoningGymQuestions(QuestionSource):
    """Questions of a task of reasoning-gym (pip install 'p2o[reasoning-gym]'); grade them by `ReasoningGymScore`.

    Args:
        task: Its name, such as "leg_counting" or "countdown".
        count: How many questions to make.
        seed: Makes other questions; give the validation questions another one. No two seeds share draws, while the
            package itself draws question i of seed s as question i - 1 of seed s + 1.
        settings: Of the task, such as {"max_animals": 10}.
    """

    def __init__(self, task: str, count: int = 1000, seed: int = 0, settings: dict[str, Any] | None = None) -> None:
        if not task or count < 1:
            raise InputError(f"ReasoningGymQuestions needs a task and a count of at least 1, got {task!r} and {count}.")
        self.task = task
        self.count = count
        self.seed = seed
        self.settings = settings or {}

    def load(self) -> list[Question]:
        """Makes the questions; the same arguments make the same ones.

        Raises:
            InputError: The package is missing, or it knows no such task or setting.
        """
        recipe = [self.task, self.count, self.seed, json.dumps(self.settings, sort_keys=True)]
        return [
            Question(
                id=f"{self.task}-{self.seed}-{index}",
                text=entry["question"],
                answer=ANY if entry["answer"] is None else str(entry["answer"]),
                difficulty=self.task,
                origin=ORIGIN + json.dumps([*recipe, index]),
            )
            for index, entry in enumerate(_data_set(*recipe))
        ]


class ReasoningGymScore(Reward):
    r"""The score of the task's own scorer on the last `\boxed{}` of a completion, in killable worker processes.

    Scores lie between 0 and 1, and some tasks give a little for the right form. A completion counts as correct, for the
    hard set and every accuracy, if its score is at least `correct_at`.

    Args:
        correct_at: The score from which on a completion is correct.
        partial: Whether the reward is the score; otherwise it is 1 for a correct completion and 0 for others.
        timeout: Seconds of processor time for one score; one that takes more, or 60 times as long by the clock, is
            `Outcome.TIMEOUT`.
        workers: Worker processes at most.
    """

    def __init__(self, correct_at: float = 1.0, partial: bool = False, timeout: float = 5.0, workers: int = 1) -> None:
        if not 0 < correct_at <= 1 or timeout <= 0 or workers < 1:
            raise InputError(
                "ReasoningGymScore needs 0 < correct_at <= 1, timeout > 0 and workers >= 1, got "
                f"{correct_at}, {timeout} and {workers}."
            )
        self.correct_at = correct_at
        self.partial = partial
        self._pool = WorkerPool(timeout, workers, imports=["reasoning_gym"])

    def grade(self, answered: Sequence[GradingInput]) -> list[Grade]:
        """One grade for each completion, in order.

        Raises:
            InputError: A question is none of reasoning-gym.
        """
        answers = [last_boxed(item.text) for item in answered]
        asked = [(_recipe(item.question), answer) for item, answer in zip(answered, answers, strict=True) if answer]
        scores = dict(zip(asked, self._pool.map(score, asked), strict=True))
        return [
            self._grade(answer, scores.get((_recipe(item.question), answer or "")), item.truncated)
            for item, answer in zip(answered, answers, strict=True)
        ]

    def refuse(self, question: Question) -> str:
        """Questions of another source, which have no scorer."""
        return "" if question.origin.startswith(ORIGIN) else "ReasoningGymScore grades ReasoningGymQuestions alone"

    def _grade(self, answer: str | None, found: float | Failure | None, truncated: bool) -> Grade:
        if not answer or found is None:
            return Grade(0.0, Outcome.TRUNCATED if truncated else Outcome.NO_ANSWER)
        if isinstance(found, Failure):
            return Grade(0.0, Outcome.TIMEOUT if found.timeout else Outcome.ERROR, answer)
        correct = found >= self.correct_at
        return Grade(found if self.partial else float(correct), Outcome.CORRECT if correct else Outcome.WRONG, answer)


def score(asked: tuple[str, str]) -> float:
    """The score of an answer to the question of a recipe. May hang, raise or crash: for a worker process."""
    recipe, answer = asked
    *data, index = json.loads(recipe)
    data_set = _data_set(*data)
    return float(data_set.score_answer(answer, entry=data_set[index]))


def _recipe(question: Question) -> str:
    if not question.origin.startswith(ORIGIN):
        raise InputError(
            f"ReasoningGymScore: expected questions of ReasoningGymQuestions, got {question.id!r} from "
            f"{question.origin or 'elsewhere'}."
        )
    return question.origin.removeprefix(ORIGIN)


@lru_cache(maxsize=16)
def _data_set(task: str, count: int, seed: int, settings: str) -> Any:  # noqa: ANN401 (the package is optional)
    try:
        import reasoning_gym
    except ImportError as error:
        raise InputError(
            f"data: expected the package reasoning-gym for the task {task!r} ({error}). Run: pip install "
            "'p2o[reasoning-gym]'."
        ) from error
    try:
        own = derive_seed(seed, "reasoning-gym", task) % 2**31  # some tasks draw by NumPy, which takes no more
        return reasoning_gym.create_dataset(task, size=count, seed=own, **json.loads(settings))
    except (ValueError, TypeError, AssertionError) as error:
        raise InputError(f"ReasoningGymQuestions: reasoning-gym refuses the task {task!r}: {error}") from error
