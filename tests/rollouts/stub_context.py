"""A stub of the run: rollouts that are decided by the name of their question, and nothing that samples."""

from factories import question, rollout
from p2o.types import MixtureItem


def sample(number: int, count: int = 2) -> MixtureItem:
    return MixtureItem(question(number), ("",) * count)


class StubContext:
    """Question n has n % (K + 1) correct rollouts, in every turn."""

    def __init__(self, questions: int) -> None:
        self.questions = questions
        self.asked: list[list[str]] = []

    def rollout(self, samples, turn=0):
        assert turn == len(self.asked)
        self.asked.append([sample.question.id for sample in samples])
        return [self.group(sample) for sample in samples]

    def group(self, sample):
        number, count = int(sample.question.id[1:]), len(sample.templates)
        return [rollout(k < number % (count + 1), number=number) for k in range(count)]

    def extra_questions(self, samples):
        known = {sample.question.id for sample in samples}
        return (sample(n) for n in range(self.questions) if f"q{n}" not in known)
