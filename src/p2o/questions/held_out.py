"""Validation questions taken from the training questions."""

import random

from p2o.errors import InputError
from p2o.questions.base import QuestionSource, load_checked
from p2o.seeds import derive_seed
from p2o.types import Question


class HeldOut(QuestionSource):
    """Holds out some of the training questions for validation: they are validated on and never trained on.

    Which ones depends on the questions and on `seed` here, not on the seed of the run, so that runs can be compared.

    Args:
        count: How many to hold out; of few questions a fifth.
        seed: Draws other ones.
    """

    def __init__(self, count: int = 100, seed: int = 0) -> None:
        if count < 1:
            raise InputError(f"data.validation: HeldOut needs a count of at least 1, got {count}.")
        self.count = count
        self.seed = seed

    def load(self) -> list[Question]:
        """Refuses: held-out questions are a part of others.

        Raises:
            InputError: Always.
        """
        raise InputError("HeldOut holds out training questions: it can only stand at data.validation.")

    def beside(self, train: QuestionSource) -> tuple[list[Question], list[Question]]:
        """Divides the questions of `train`, and keeps their order.

        Raises:
            InputError: There are too few to divide.
        """
        questions = load_checked(train)
        count = min(self.count, len(questions) // 5)
        if count == 0:
            raise InputError(
                f"data.validation: HeldOut takes at most a fifth of the training questions, and there are "
                f"{len(questions)}. Give more questions, or validation questions of their own."
            )
        chosen = random.Random(derive_seed(self.seed, "held out")).sample(range(len(questions)), count)
        held = {questions[index].id for index in chosen}
        return [q for q in questions if q.id not in held], [q for q in questions if q.id in held]
