r"""Rejects templates that give away questions or answers: GEPA's users find training data in their prompts (issue 261).

A template that holds a question or its answer scores by heart. What counts as held is a matter of degree; the rules:

- a question: 13 of its words in a row, or all of them if it has 5 to 12; 13 words that more than 10 of the questions
  share are a common phrase and do not count.
- a gold answer: as it stands, between other letters and digits, if it has a digit and 6 letters or digits at least,
  LaTeX commands aside. Shorter ones (5, x+1, \frac{1}{2}) and plain words occur in any instruction.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

from p2o.questions.overlap import COMMON, WORDS
from p2o.reflectors.base import Proposal
from p2o.types import Question

FEWEST_WORDS = 5
TELLING = 6  # letters and digits

QUESTION = "leaks a question"
ANSWER = "leaks an answer"

# Chinese and Japanese have no blanks: each sign is a word.
_WORD = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|(?:(?![\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff])[^\W_])+"
)
_GROUPS = re.compile(r"(?<=\d)(?:\{,\}|,?\\[!,;: ]\s*|[,~ \u00a0\u2009\u202f])(?=\d{3}(?!\d))")
_FRACTION = re.compile(r"\\[dtc]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}")
_LOOKS = re.compile(r"\\(?:left|right|displaystyle|,|;|:|!| )|\$")
_SIGN = re.compile(r"\s*([^\w\s])\s*")
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
        self._answers = {answer for question in questions if is_telling(answer := _plain(question.answer))}

    def __call__(self, proposal: Proposal) -> Proposal:
        """The proposal as it came, or rejected with the cause."""
        if self._holds_question(proposal.template):
            return proposal.rejected(QUESTION)
        if self._holds_answer(proposal.template):
            return proposal.rejected(ANSWER)
        return proposal

    def _holds_question(self, text: str) -> bool:
        words = _words(text)
        return any(run in self._runs for length in self._lengths for run in _runs(words, length))

    def _holds_answer(self, text: str) -> bool:
        text = _plain(text)
        found = (answer for answer in self._answers if answer in text)
        return any(re.search(_standing(answer), text) for answer in found)


def _standing(answer: str) -> str:
    """A pattern for an answer that is no part of a longer number or word."""
    before = r"(?<![^\W_])" if answer[0].isalnum() else ""
    return before + re.escape(answer) + (r"(?![^\W_])" if answer[-1].isalnum() else "")


def is_telling(answer: str) -> bool:
    """Whether an answer is so special that a text with it must have it from the question."""
    bare = _COMMAND.sub("", answer)
    return any(sign.isdigit() for sign in bare) and sum(sign.isalnum() for sign in bare) >= TELLING


def _telling_runs(text: str) -> list[tuple[str, ...]]:
    words = _words(text)
    return _runs(words, min(len(words), WORDS)) if len(words) >= FEWEST_WORDS else []


def _runs(words: Sequence[str], length: int) -> list[tuple[str, ...]]:
    return [tuple(words[start : start + length]) for start in range(len(words) - length + 1)]


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _plain(text: str) -> str:
    r"""A text with one notation for its numbers: no groups of digits, `1/2` for `\dfrac{1}{2}`, no blanks at signs."""
    text = _FRACTION.sub(r"\1/\2", _GROUPS.sub("", unicodedata.normalize("NFKC", text)))
    return " ".join(_SIGN.sub(r"\1", _LOOKS.sub(" ", text)).split())
