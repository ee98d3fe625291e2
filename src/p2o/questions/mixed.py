"""Questions of several sources in proportions of one's choice."""

import random
from collections.abc import Sequence
from dataclasses import replace

from p2o.errors import InputError
from p2o.questions.base import QuestionSource, load_checked
from p2o.seeds import derive_seed
from p2o.types import Question


class MixedQuestions(QuestionSource):
    """Questions of several sources, each question once.

    Without weights all of them are taken. With weights as many as keep the proportions: the source that is short for
    its weight gives all it has, of the others some are drawn.

    Args:
        sources: Where they come from. Ids get the number of their source before them ("0/17").
        weights: A number above 0 for each source, such as [3, 1]; empty: take all questions.
        seed: Draws other questions of the sources that have too many.
    """

    def __init__(self, sources: Sequence[QuestionSource], weights: Sequence[float] = (), seed: int = 0) -> None:
        if not sources:
            raise InputError("MixedQuestions needs at least one source.")
        if weights and (len(weights) != len(sources) or min(weights) <= 0):
            raise InputError(
                f"MixedQuestions needs a weight above 0 for each of its {len(sources)} sources, got {list(weights)}."
            )
        self.sources = sources
        self.weights = weights
        self.seed = seed

    def load(self) -> list[Question]:
        """Loads every source and draws from it, in the order of the sources.

        Raises:
            InputError: A weight is so small that no question of its source would be taken.
        """
        loaded = [
            [replace(question, id=f"{number}/{question.id}") for question in load_checked(source)]
            for number, source in enumerate(self.sources)
        ]
        if not self.weights:
            return [question for questions in loaded for question in questions]
        unit = min(len(questions) / weight for questions, weight in zip(loaded, self.weights, strict=True))
        counts = [round(unit * weight) for weight in self.weights]
        if 0 in counts:
            raise InputError(
                f"MixedQuestions: with the weights {list(self.weights)} source {counts.index(0)} gives no question. "
                "Raise its weight."
            )
        return [
            question
            for number, (questions, count) in enumerate(zip(loaded, counts, strict=True))
            for question in self._drawn(number, questions, count)
        ]

    def _drawn(self, number: int, questions: list[Question], count: int) -> list[Question]:
        indices = random.Random(derive_seed(self.seed, "mixed", number)).sample(range(len(questions)), count)
        return [questions[index] for index in sorted(indices)]
