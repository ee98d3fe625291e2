"""Templates of the last bank with which a search may start."""

from collections.abc import Sequence

from lightning.pytorch.utilities import rank_zero_info

from p2o.evolution.proposals.reflection import Check
from p2o.prompts.templates import TemplateBank
from p2o.reflectors.base import Proposal


def carried_over(bank: TemplateBank, checks: Sequence[Check]) -> list[str]:
    """The templates of the last bank that pass the checks of this evolution too: it has other dev questions."""
    kept = []
    for template in bank.templates:
        proposal = Proposal(template.text)
        for check in checks:
            proposal = check(proposal)
        if proposal.rejection:
            rank_zero_info(f"A template of the last bank is not carried over ({proposal.rejection}): {template.text!r}")
        else:
            kept.append(template.text)
    return kept
