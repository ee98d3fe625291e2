"""Sizes of the mixture that contradict each other are refused."""

from collections.abc import Iterable

from p2o.errors import InputError
from p2o.mixture.bare_rollouts import BareRollouts, bare_rollouts_of
from p2o.types import Question


def check_sizes(
    num_generations: int,
    tau: int,
    bare_rollouts: int | BareRollouts,
    batch_size: int,
    validation_batch_size: int,
    benchmark_limit: int,
) -> None:
    """Compares the sizes of a mixture with one another.

    Raises:
        InputError: A size is out of range, or K, tau and bare_rollouts contradict each other.
    """
    if num_generations < 2:
        raise InputError(
            f"data.num_generations must be at least 2, got {num_generations}: the advantage of a rollout is its "
            "distance from the others of its question."
        )
    if not 1 <= tau <= num_generations:
        raise InputError(
            f"data.tau must be between 1 and data.num_generations ({num_generations}), got {tau}: a question is hard "
            "iff fewer than tau of its rollouts are correct."
        )
    least, most = bare_rollouts_of(bare_rollouts).extremes(-1)
    if not 0 <= least <= most <= num_generations:
        raise InputError(
            f"data.bare_rollouts must be between 0 and data.num_generations ({num_generations}), got "
            f"{least if least < 0 else most}."
        )
    if benchmark_limit < 0:
        raise InputError(f"data.benchmark_limit must be at least 0 (0 asks all questions), got {benchmark_limit}.")
    if batch_size < 1 or validation_batch_size < 1:
        raise InputError(
            f"data.batch_size and data.validation_batch_size must be at least 1, got {batch_size} and "
            f"{validation_batch_size}."
        )


def check_ids(**sources: Iterable[Question]) -> None:
    """Refuses questions that the hard set, hints and figures would take for one.

    Args:
        sources: The questions of each source, by its name in the section `data`.

    Raises:
        InputError: Two of one source have one id.
    """
    for name, questions in sources.items():
        known: dict[str, Question] = {}
        for question in questions:
            if question.id in known:
                raise InputError(
                    f"data.{name}: expected questions with ids of their own, got {question.id!r} for "
                    f"{_origin(known[question.id])} and for {_origin(question)}. Have the source make them unique."
                )
            known[question.id] = question


def _origin(question: Question) -> str:
    return question.origin or repr(question.text[:60])


def check_epoch(questions_per_epoch: int | None, questions: int, chooses: bool) -> None:
    """Compares the size of an epoch with the training questions.

    Args:
        questions_per_epoch: Questions of an epoch; None: all of them.
        questions: How many there are.
        chooses: Whether the draw of an epoch makes sense only where it leaves questions out.

    Raises:
        InputError: An epoch cannot have so many questions, or there is nothing to draw.
    """
    if questions_per_epoch is not None and not 1 <= questions_per_epoch <= questions:
        raise InputError(
            f"data.questions_per_epoch must be between 1 and the number of training questions ({questions}), or null "
            f"for all of them, got {questions_per_epoch}."
        )
    if chooses and questions_per_epoch in (None, questions):
        raise InputError(
            f"data.draw has nothing to choose: an epoch asks all {questions} questions. Set data.questions_per_epoch "
            "below their number."
        )
