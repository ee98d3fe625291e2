"""Sorts out the proposals that are worth the rollouts of a mini-batch: those whose text nobody proposed before."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from p2o.evolution.history import History
from p2o.evolution.trials import Trial
from p2o.reflectors.base import Proposal

# Why a text is not new; the reflector repeats itself.
TRIED = "already tried"
IN_POOL = "already in the pool"
TWICE = "proposed twice at once"


def sift(
    trials: Sequence[Trial], proposals: Sequence[Proposal], history: History
) -> tuple[list[tuple[Trial, Proposal]], dict[str, int]]:
    """The proposals with a new text, each with its trial, and for all other proposals the reasons, counted.

    A text is new if nobody proposed it before in this search; space around it is no part of T(x, z) and is cut off.

    Args:
        trials: What was reflected on, as often as there are proposals.
        proposals: One for each of them, in order.
        history: What is known.
    """
    known = {candidate.text: TRIED for candidate in history.others}
    known |= {candidate.text: IN_POOL for candidate in history.pool}
    new: list[tuple[Trial, Proposal]] = []
    rejections: Counter[str] = Counter()
    for trial, proposal in zip(trials, proposals, strict=True):
        text = proposal.template.strip()
        if text and text not in known:
            new.append((trial, replace(proposal, template=text)))
            known[text] = TWICE
        else:
            rejections[known[text] if text else proposal.rejection or "empty template"] += 1
    return new, dict(rejections)
