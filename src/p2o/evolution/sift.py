"""Which proposals are worth a mini-batch."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from p2o.evolution.records import History
from p2o.evolution.trials import Trial
from p2o.reflectors.base import Proposal


def sift(
    trials: Sequence[Trial], proposals: Sequence[Proposal], history: History
) -> tuple[list[tuple[Trial, Proposal]], dict[str, int]]:
    """The proposals with a new text, each with its trial, and for all other proposals the reasons, counted.

    A text is new if nobody proposed it before in this search; space around it is no part of T(x, z) and is cut off.

    Args:
        trials: What was reflected on.
        proposals: One for each trial, in order.
        history: What is known.
    """
    known = {candidate.text: "already tried" for candidate in history.others}
    known |= {candidate.text: "already in the pool" for candidate in history.pool}
    new: list[tuple[Trial, Proposal]] = []
    refusals: Counter[str] = Counter()
    for trial, proposal in zip(trials, proposals, strict=True):
        text = proposal.template.strip()
        if text and text not in known:
            new.append((trial, replace(proposal, template=text)))
            known[text] = "proposed twice at once"
        else:
            refusals[known[text] if text else proposal.refusal or "empty template"] += 1
    return new, dict(refusals)
