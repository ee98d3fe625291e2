"""A stub of a training step: rollouts that are decided by the name of their question, and nothing that samples."""

from factories import question, rollout
from p2o.types import MixtureItem


def mixture_item(number: int, count: int = 2) -> MixtureItem:
    return MixtureItem(question(number), ("",) * count)


class StubStep:
    """Question n has n % (K + 1) correct rollouts, in every generation round."""

    def __init__(self, questions: int) -> None:
        self.questions = questions
        self.asked: list[list[str]] = []
        self.extra: list[bool] = []

    def roll_out(self, items, generation_round=0, *, extra=False):
        assert generation_round == len(self.asked)
        self.extra.append(extra)
        self.asked.append([item.question.id for item in items])
        return [self.group(item) for item in items]

    def group(self, item):
        number, count = int(item.question.id[1:]), len(item.templates)
        return [rollout(k < number % (count + 1), number=number) for k in range(count)]

    def extra_questions(self, items):
        known = {item.question.id for item in items}
        return (mixture_item(n) for n in range(self.questions) if f"q{n}" not in known)
