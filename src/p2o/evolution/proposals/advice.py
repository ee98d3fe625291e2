"""What to try when a reflector proposes nothing that can be used."""

from collections.abc import Mapping

from lightning.pytorch.utilities import rank_zero_warn

from p2o.evolution.history import History
from p2o.evolution.proposals.leak_guard import ANSWER, QUESTION
from p2o.evolution.proposals.novelty import REPEATED
from p2o.evolution.proposals.prompt_check import TOO_LONG_FOR_WINDOW
from p2o.reflectors.parsing import (
    EMPTY,
    NO_FENCE,
    NO_REPLY,
    PROMPT_TOO_LONG,
    TOO_LONG,
    UNFINISHED,
    UNFINISHED_FENCE,
    UNFINISHED_THOUGHT,
)

TELLING = 8  # rejected proposals, and none usable: by then something is wrong

_FORMAT = (
    "the reflector does not write its proposal between ``` fences: small models seldom do. Begin the reply for it "
    "(reflector.opening, close_fence and attempts, as configs/reflector/small.yaml does), let a larger one reflect "
    "(TeacherReflector), or take a written list (StaticReflector)"
)
_FENCE = "replies begin a fence and do not end it: have it closed (reflector.close_fence), or raise max_reply_length"
_LENGTH = (
    "replies are cut off: raise reflector.max_reply_length, let the reflector think less, or begin the reply for it "
    "(reflector.opening), where only the template itself must fit, and have it closed (reflector.close_fence)"
)
_LEAKS = "templates repeat questions or answers: ask for general advice in reflector.prompt"
_TEMPLATE = "templates are too long: ask for a shorter one in reflector.prompt, or raise reflector.max_template_length"
_ADVICE = {
    NO_FENCE: _FORMAT,
    EMPTY: _FORMAT,
    UNFINISHED: _LENGTH,
    UNFINISHED_FENCE: _FENCE,
    UNFINISHED_THOUGHT: _LENGTH,
    TOO_LONG: _TEMPLATE,
    TOO_LONG_FOR_WINDOW: _TEMPLATE,
    PROMPT_TOO_LONG: "what is reflected on does not fit: lower evolution.mini_batch_size, or take a longer window",
    QUESTION: _LEAKS,
    ANSWER: _LEAKS,
}


def warn_if_useless(history: History, ended: bool) -> None:
    """Says once an evolution that nothing usable comes: early, since it costs rollouts all the same, or at its end.

    Args:
        history: Up to the iteration that has just ended; whether it was said before follows from it.
        ended: Whether there is no further iteration.
    """
    causes = history.rejections
    count, before = causes.total(), causes.total() - sum(history.iterations[-1].rejections.values())
    usable = any(iteration.tried for iteration in history.iterations) or any(causes[cause] for cause in REPEATED)
    if not usable and (before < TELLING <= count or (ended and 0 < count < TELLING)):
        rank_zero_warn(unusable(causes))


def unusable(causes: Mapping[str, int]) -> str:
    """A message that says that all proposals so far were rejected, why, and what to try about the commonest cause.

    Args:
        causes: Why, and how often, at least one.
    """
    commonest = max(causes, key=lambda cause: causes[cause])
    told = "the endpoint gives no reply: see docs/faults.md" if commonest.startswith(NO_REPLY) else ""
    advice = _ADVICE.get(commonest, told)
    counts = ", ".join(f"{count} {cause}" for cause, count in causes.items())
    return (
        f"evolution: none of {sum(causes.values())} proposals was usable ({counts})"
        f"{f'; {advice}' if advice else ''}. The replies are in evolution/ of the run folder once it has ended."
    )
