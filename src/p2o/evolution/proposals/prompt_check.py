"""Rejects templates under which the policy could not be asked some question."""

from collections.abc import Iterator, Sequence

from p2o.io.surrogates import has_half_pair
from p2o.prompts.renderer import PromptRenderer
from p2o.reflectors.base import Proposal
from p2o.types import Question

HALF_PAIR = "half a surrogate pair"
SPECIAL_TOKEN = "special token"
TOO_LONG_FOR_WINDOW = "too long for the window"

FEW = 3  # of what is refused: all templates of a list may be too long


class PromptCheck:
    """Checks that the policy can be asked every question under a template.

    This is the one place where a proposal is searched for special tokens of the policy, whoever made it.

    Args:
        renderer: Renders T(x, z).
        questions: All that may be asked: validation and later epochs ask more than the hard ones.
        room: Tokens of T(x, z) at most: the model's window less the completion.
    """

    def __init__(self, renderer: PromptRenderer, questions: Sequence[Question], room: int) -> None:
        self.renderer = renderer
        self.room = room
        self.longest = max(questions, key=lambda question: len(renderer.question(question.text)))

    def __call__(self, proposal: Proposal) -> Proposal:
        """The proposal as it came, or rejected with the cause."""
        if not proposal.template:
            return proposal
        if has_half_pair(proposal.template):
            return proposal.rejected(HALF_PAIR)
        if self.renderer.special_token_in(proposal.template):
            return proposal.rejected(SPECIAL_TOKEN)
        length = len(self.renderer.question(self.longest.text, proposal.template))
        return proposal if length <= self.room else proposal.rejected(TOO_LONG_FOR_WINDOW)


def unusable_templates(templates: Sequence[str], check: PromptCheck) -> Iterator[str]:
    """Which of the templates that are known before training the check will reject, in one message if there are any."""
    causes = [(text, cause) for text in templates if (cause := check(Proposal(text)).rejection)]
    if causes:
        first = [f"{text[:40]!r}: {cause}" for text, cause in causes[:FEW]]
        yield (
            f"{len(causes)} of the {len(templates)} templates of evolution.reflector will be refused "
            f"({'; '.join(first)}{'; …' if len(causes) > FEW else ''}). With the longest question a templated prompt "
            f"has room for {check.room} tokens, which are those that model.max_completion_length leaves of the window. "
            "Change these templates, or lower that length."
        )
