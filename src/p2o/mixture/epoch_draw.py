"""Which of the training questions an epoch asks."""

import random
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import lru_cache

from lightning.pytorch.utilities import rank_zero_warn

from p2o.contracts import listed, name_of
from p2o.errors import InputError
from p2o.mixture.hard_set import HardSet
from p2o.mixture.selection import QuestionSelection
from p2o.seeds import derive_seed
from p2o.types import Question


class EpochDraw(ABC):
    """Draws the questions of an epoch: a pure function of what was seen before it, seed and number.

    `chooses`: whether it makes no sense where an epoch asks all questions.
    """

    chooses: bool = True

    @abstractmethod
    def __call__(self, questions: Sequence[Question], count: int, epoch: int, seed: int, seen: HardSet) -> set[str]:
        """The ids of `count` different questions."""

    def problems(self, questions: Sequence[Question]) -> Iterator[str]:
        """What it names and no training question has; most draws name nothing."""
        return iter(())


class PassAfterPass(EpochDraw):
    """Without replacement, one pass over the data after the other, each shuffled anew.

    An epoch that one pass ends and the next one begins asks no question twice: those that it has had come later in the
    new pass.
    """

    chooses = False

    def __call__(self, questions: Sequence[Question], count: int, epoch: int, seed: int, seen: HardSet) -> set[str]:
        """The epoch's slice of the passes."""
        return {questions[index].id for index in slice_of_passes(len(questions), count, seed, epoch)}


class EasyMixing(EpochDraw):
    """A share of each epoch is easy questions: a control, since easier samples alone can cure a reward of zero.

    After arXiv 2510.03971, whose abstract was read; the share and the order are ours.
    Of each kind those come first that fewer epochs have asked: which questions are easy may change with every epoch.
    Where one kind is short the other fills up, and one warning says so. It needs `data.questions_per_epoch`: an epoch
    of all questions leaves nothing to choose.

    Args:
        easy: Which questions are easy, by their source's grade (`GradedQuestions`) or by how many of their rollouts
            were correct (`SolvedQuestions`; before they are asked none is easy).
        share: Of an epoch, above 0 and below 1.
    """

    def __init__(self, easy: QuestionSelection, share: float) -> None:
        if not 0 < share < 1:
            raise InputError(f"EasyMixing needs a share above 0 and below 1, got {share}.")
        self.easy = easy
        self.share = share
        self._warned = False

    def __call__(self, questions: Sequence[Question], count: int, epoch: int, seed: int, seen: HardSet) -> set[str]:
        """`share` of the epoch from the easy questions, the rest from the others."""
        easy = [question.id for question in questions if self.easy(question, seen)]
        others = [question.id for question in questions if not self.easy(question, seen)]
        wanted = round(self.share * count)
        taken = min(max(wanted, count - len(others)), len(easy))
        if taken != wanted and epoch > 0 and not self._warned:  # before the first epoch nothing is known to be solved
            self._warned = True
            rank_zero_warn(
                f"data.draw: epoch {epoch} has {taken} easy questions of {count}, not {wanted}: there are {len(easy)} "
                f"easy ones and {len(others)} others."
            )
        order = random.Random(derive_seed(seed, "mixing", epoch))
        chosen = set()
        for ids, part in ((easy, taken), (others, count - taken)):
            order.shuffle(ids)
            chosen |= set(sorted(ids, key=lambda question: seen.turns.get(question, 0))[:part])
        return chosen

    def problems(self, questions: Sequence[Question]) -> Iterator[str]:
        """Those of what says which questions are easy."""
        return self.easy.problems(questions)


def draw_checked(
    draw: EpochDraw, questions: Sequence[Question], count: int, epoch: int, seed: int, seen: HardSet
) -> set[str]:
    """The ids of the `count` questions that an epoch asks; more would silently never be asked.

    Raises:
        InputError: There are more or fewer, or some are of no training question.
    """
    expected = f"the ids of {count} different training questions"
    came = set(listed(name_of(draw), draw(questions, count, epoch, seed, seen), expected))
    known = came & {question.id for question in questions}
    if len(known) != count or came != known:
        others = f", and others, such as {next(iter(came - known))!r:.100}" if came != known else ""
        raise InputError(f"{name_of(draw)}: expected {expected}, got {len(known)} of them{others}.")
    return known


@lru_cache(maxsize=8)
def slice_of_passes(total: int, count: int, seed: int, epoch: int) -> tuple[int, ...]:
    """The indices, out of `range(total)`, that the epoch of a number asks if each asks `count` <= `total` of them."""
    if count == total:
        return tuple(range(total))
    queue: list[int] = []
    turn = 0
    for _ in range(epoch + 1):
        drawn, queue = queue[:count], queue[count:]
        if len(drawn) < count:
            fresh = list(range(total))
            random.Random(derive_seed(seed, "pass", turn)).shuffle(fresh)
            turn += 1
            known = set(drawn)
            first = [index for index in fresh if index not in known][: count - len(drawn)]
            drawn += first
            begun = set(first)
            queue = [index for index in fresh if index not in begun]
    return tuple(drawn)
