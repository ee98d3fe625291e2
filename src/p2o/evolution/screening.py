"""Refuses proposals that no question could carry."""

from p2o.errors import InputError
from p2o.prompts import PromptRenderer
from p2o.reflectors.base import Proposal
from p2o.types import Question


class Screen:
    """Checks that a template can stand before every hard question.

    Args:
        renderer: Renders T(x, z).
        questions: The hard questions.
        room: Tokens of T(x, z) at most: the model's window less the completion.
    """

    def __init__(self, renderer: PromptRenderer, questions: list[Question], room: int) -> None:
        self.renderer = renderer
        self.room = room
        self.longest = max(questions, key=lambda question: len(renderer.question(question.text)))

    def __call__(self, proposal: Proposal) -> Proposal:
        """The proposal, or its refusal."""
        if not proposal.template:
            return proposal
        try:
            length = len(self.renderer.question(self.longest.text, proposal.template))
        except InputError:  # the template spells a special token
            return proposal.refused("special token")
        return proposal if length <= self.room else proposal.refused("too long for the window")
