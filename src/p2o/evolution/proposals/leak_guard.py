r"""Rejects templates that give away questions or answers: GEPA's users find training data in their prompts (issue 261).

A template that holds a question or its answer scores by heart. What counts as held is a matter of degree; the rules:

- a question: 13 of its words in a row, or all of them if it has 5 to 12; 13 words that more than 10 of the questions
  share are a common phrase and do not count. Chinese and its like have a word a sign.
- a gold answer: between other letters and digits, if it has a digit and 6 letters or digits at least, LaTeX commands
  aside. Blanks, separators of thousands and the kind of a fraction do not matter. Shorter answers (5, x+1, \frac{1}{2})
  and plain words occur in any instruction.
"""

import re
from collections import Counter
from collections.abc import Sequence

from p2o.questions.answer_leak import one_spelling
from p2o.questions.overlap import COMMON, WORDS, words
from p2o.reflectors.base import Proposal
from p2o.types import Question

FEWEST_WORDS = 5
TELLING = 6  # letters and digits

QUESTION = "leaks a question"
ANSWER = "leaks an answer"

_COMMAND = re.compile(r"\\[A-Za-z]+")


class LeakGuard:
    """Checks proposals against questions that must not be given away.

    Args:
        questions: What is guarded; with none, everything passes.
    """

    def __init__(self, questions: Sequence[Question]) -> None:
        uses = Counter(run for question in questions for run in set(_telling_runs(question.text)))
        self._runs = {run for run, count in uses.items() if len(run) < WORDS or count <= COMMON}
        self._lengths = sorted({len(run) for run in self._runs})
        self._answers = {answer for question in questions if is_telling(answer := one_spelling(question.answer))}

    def __call__(self, proposal: Proposal) -> Proposal:
        """The proposal as it came, or rejected with the cause."""
        if self._holds_question(proposal.template):
            return proposal.rejected(QUESTION)
        if self._holds_answer(proposal.template):
            return proposal.rejected(ANSWER)
        return proposal

    def _holds_question(self, text: str) -> bool:
        found = words(text)
        return any(run in self._runs for length in self._lengths for run in _runs(found, length))

    def _holds_answer(self, text: str) -> bool:
        text = one_spelling(text)
        found = (answer for answer in self._answers if answer in text)
        return any(re.search(_between_words(answer), text) for answer in found)


def is_telling(answer: str) -> bool:
    """Whether an answer is so special that a text with it must have it from the question."""
    bare = _COMMAND.sub("", answer)
    return any(sign.isdigit() for sign in bare) and sum(sign.isalnum() for sign in bare) >= TELLING


def _telling_runs(text: str) -> list[tuple[str, ...]]:
    found = words(text)
    return _runs(found, min(len(found), WORDS)) if len(found) >= FEWEST_WORDS else []


def _runs(found: Sequence[str], length: int) -> list[tuple[str, ...]]:
    return [tuple(found[start : start + length]) for start in range(len(found) - length + 1)]


def _between_words(answer: str) -> str:
    """A pattern of an answer that no letter or digit makes longer; before a bracket anything may stand."""
    before = r"(?<![^\W_])" if answer[0].isalnum() else ""
    after = r"(?![^\W_])" if answer[-1].isalnum() else ""
    return before + re.escape(answer) + after
