"""Sorts out the proposals that are worth the rollouts of a mini-batch: those whose text nobody proposed before."""

from collections.abc import Sequence
from dataclasses import replace

from p2o.evolution.history import History, RejectedProposal
from p2o.evolution.trials import Trial
from p2o.reflectors.base import Proposal

# Why a text is not new; the reflector repeats itself.
TRIED = "already tried"
IN_POOL = "already in the pool"
TWICE = "proposed twice at once"
REPEATED = (TRIED, IN_POOL, TWICE)


def sift(
    trials: Sequence[Trial], proposals: Sequence[Proposal], history: History
) -> tuple[list[tuple[Trial, Proposal]], list[RejectedProposal]]:
    """The proposals with a new text, each with its trial, and all other proposals with the reasons.

    A text is new if nobody proposed it before in this search; space around it is no part of T(x, z) and is cut off.
    Further replies to jobs come behind the proposals, the first ones of all jobs before the second ones.

    Args:
        trials: What was reflected on, as often as there are proposals.
        proposals: One for each of them, in order.
        history: What is known.
    """
    known = {candidate.text: TRIED for candidate in history.others}
    known |= {candidate.text: IN_POOL for candidate in history.pool}
    number = len(history.iterations)
    new: list[tuple[Trial, Proposal]] = []
    rejected: list[RejectedProposal] = []
    for trial, proposal in _by_turns(trials, proposals):
        text = proposal.template.strip()
        if text and text not in known:
            new.append((trial, replace(proposal, template=text)))
            known[text] = TWICE
        else:
            cause = known[text] if text else proposal.rejection or "empty template"
            rejected.append(RejectedProposal(number, trial.parent, cause, proposal.prompt, proposal.reply))
    return new, rejected


def _by_turns(trials: Sequence[Trial], proposals: Sequence[Proposal]) -> list[tuple[Trial, Proposal]]:
    replies = [
        (turn, trial, reply)
        for trial, proposal in zip(trials, proposals, strict=True)
        for turn, reply in enumerate((proposal, *proposal.others))
    ]
    return [(trial, reply) for _, trial, reply in sorted(replies, key=lambda reply: reply[0])]
